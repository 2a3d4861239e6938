// What is measured in the page; the last value is an object of functions.
(() => {
    const nameOf = (one) => {
        const text = (one.getAttribute("aria-label") || one.textContent || one.name || "").trim().replace(/\s+/g, " ");
        const classes = [...one.classList].map((name) => `.${name}`).join("");
        return `${one.localName}${one.id && `#${one.id}`}${classes} “${text.slice(0, 40)}”`;
    };
    const isSeen = (one) => {
        const { width, height } = one.getBoundingClientRect();
        return width > 1 && height > 1 && one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    };
    // What a part of the page scrolls or cuts off by itself does not make the page wider.
    const isScrolledInside = (one) => {
        for (let at = one.parentElement; at && at !== document.body; at = at.parentElement)
            if (/auto|scroll/.test(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth + 1) return true;
        return one.closest("pre, svg") !== null;
    };

    function sideways() {
        const found = tooLong(), root = document.documentElement, modal = document.querySelector("dialog:modal");
        const by = root.scrollWidth - root.clientWidth;
        if (by > 0) found.push(`the page scrolls sideways by ${by} px`);
        for (const one of document.querySelectorAll(".page, dialog[open] .body, dialog[open] form"))
            if (one.scrollWidth > one.clientWidth + 1 && isSeen(one)) found.push(`scrolls sideways: ${nameOf(one)}`);
        for (const one of (modal ?? document.body).querySelectorAll("*")) {
            const { left, right } = one.getBoundingClientRect();
            if (right <= root.clientWidth + 1 || left >= root.clientWidth || !isSeen(one) || isScrolledInside(one)) continue;
            found.push(`sticks out to ${Math.round(right)}: ${nameOf(one)}`);
        }
        return found;
    }

    /** The frame is as high as the window: what is absolute and in no scroller of its own would make the page longer. */
    function tooLong() {
        const root = document.scrollingElement, by = root.scrollHeight - root.clientHeight;
        return by > 0 && document.querySelector(".shell") ? [`the frame is ${by} px longer than the window`] : [];
    }

    const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=button], [role=tab], "
        + "[role=option], [role=menuitem], [role=switch]";
    /** What is hit instead of a box to be ticked. */
    const targetOf = (one) =>
        one.matches("[type=radio], [type=checkbox], [type=file]") ? one.closest("label") ?? one.labels?.[0] ?? one : one;
    // A link within a sentence is as high as its line: that is allowed.
    const isInText = (one) => one.localName === "a" && getComputedStyle(one).display === "inline";
    /** Whether a finger there hits it; an invisible frame around it counts. */
    const isHit = (one, x, y) => {
        if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) return true;
        const hit = document.elementFromPoint(x, y);
        return hit !== null && (one.contains(hit) || (hit.localName === "label" && hit.contains(one)));
    };

    /** How much of the page is below its edge; nothing when a dialog is looked at. */
    function hidden() {
        const page = document.querySelector(".page");
        return page && !document.querySelector("dialog:modal") ? Math.max(0, page.scrollHeight - page.clientHeight) : 0;
    }

    function smallTargets(finger) {
        const found = new Map(), modal = document.querySelector("dialog:modal");
        for (const control of (modal ?? document).querySelectorAll(CONTROLS)) {
            const one = targetOf(control);
            if (!isSeen(one) || isInText(one) || control.disabled) continue;
            const { left, top, width, height } = one.getBoundingClientRect();
            const x = left + width / 2, y = top + height / 2, half = finger / 2 - 1;
            if (x < 0 || y < 0 || x >= innerWidth || y >= innerHeight || !isHit(one, x, y)) continue;
            const isHigh = height >= finger - 0.5 || (isHit(one, x, y - half) && isHit(one, x, y + half));
            const isWide = width >= finger - 0.5 || (isHit(one, x - half, y) && isHit(one, x + half, y));
            if (isHigh && isWide) continue;
            const size = `${Math.round(width)} by ${Math.round(height)}`;
            found.set(`${one.localName}.${one.className}`, `too small for a finger (${size}): ${nameOf(one)}`);
        }
        return [...found.values()];
    }

    function focus() {
        const at = document.activeElement;
        if (!at || at === document.body) return null;
        const isShown = (style) =>
            (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
        // A line between panes is filled with the accent: an outline around 5 px would say less.
        const isFilled = at.matches("[role=separator]") && getComputedStyle(at).backgroundColor !== "rgba(0, 0, 0, 0)";
        const around = at.parentElement.closest(":focus-within");
        return { name: nameOf(at), isShown: isFilled || isShown(getComputedStyle(at)) || isShown(getComputedStyle(around)) };
    }

    return { sideways, hidden, smallTargets, focus };
})()
