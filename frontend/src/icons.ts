// The icons in use, taken from the lucide set when the bundle is built; `{% icon %}` in templates draws the same by the same names.

import { html, type TemplateResult } from "lit";
import { unsafeSVG } from "lit/directives/unsafe-svg.js";
import unfold from "lucide-static/icons/unfold-vertical.svg";
import undo from "lucide-static/icons/undo-2.svg";
import link from "lucide-static/icons/link.svg";
import arrowDown from "lucide-static/icons/arrow-down.svg";
import back from "lucide-static/icons/chevron-left.svg";
import bell from "lucide-static/icons/bell.svg";
import building from "lucide-static/icons/building-2.svg";
import gauge from "lucide-static/icons/gauge.svg";
import key from "lucide-static/icons/key-round.svg";
import keyboard from "lucide-static/icons/keyboard.svg";
import lock from "lucide-static/icons/lock.svg";
import mail from "lucide-static/icons/mail.svg";
import monitor from "lucide-static/icons/monitor.svg";
import palette from "lucide-static/icons/palette.svg";
import play from "lucide-static/icons/play.svg";
import shieldCheck from "lucide-static/icons/shield-check.svg";
import squareTerminal from "lucide-static/icons/square-terminal.svg";
import user from "lucide-static/icons/user.svg";
import users from "lucide-static/icons/users.svg";
import bot from "lucide-static/icons/bot.svg";
import brain from "lucide-static/icons/brain.svg";
import chat from "lucide-static/icons/message-square.svg";
import check from "lucide-static/icons/check.svg";
import chevron from "lucide-static/icons/chevron-right.svg";
import choose from "lucide-static/icons/chevrons-up-down.svg";
import clipboard from "lucide-static/icons/clipboard-list.svg";
import collapse from "lucide-static/icons/chevron-down.svg";
import copy from "lucide-static/icons/copy.svg";
import cross from "lucide-static/icons/x.svg";
import expand from "lucide-static/icons/chevron-up.svg";
import eye from "lucide-static/icons/eye.svg";
import eyeOff from "lucide-static/icons/eye-off.svg";
import filePen from "lucide-static/icons/file-pen-line.svg";
import fileText from "lucide-static/icons/file-text.svg";
import fold from "lucide-static/icons/fold-vertical.svg";
import folder from "lucide-static/icons/folder.svg";
import gitBranch from "lucide-static/icons/git-branch.svg";
import refresh from "lucide-static/icons/refresh-cw.svg";
import globe from "lucide-static/icons/globe.svg";
import history from "lucide-static/icons/history.svg";
import image from "lucide-static/icons/image.svg";
import info from "lucide-static/icons/info.svg";
import layers from "lucide-static/icons/layers.svg";
import list from "lucide-static/icons/list-checks.svg";
import maximise from "lucide-static/icons/maximize-2.svg";
import restore from "lucide-static/icons/minimize-2.svg";
import menu from "lucide-static/icons/menu.svg";
import more from "lucide-static/icons/ellipsis.svg";
import now from "lucide-static/icons/zap.svg";
import panel from "lucide-static/icons/panel-right.svg";
import pencil from "lucide-static/icons/pencil.svg";
import plus from "lucide-static/icons/plus.svg";
import question from "lucide-static/icons/message-circle-question-mark.svg";
import search from "lucide-static/icons/search.svg";
import send from "lucide-static/icons/arrow-up.svg";
import shield from "lucide-static/icons/shield-question-mark.svg";
import cloud from "lucide-static/icons/cloud.svg";
import container from "lucide-static/icons/container.svg";
import network from "lucide-static/icons/network.svg";
import server from "lucide-static/icons/server.svg";
import stop from "lucide-static/icons/square.svg";
import terminal from "lucide-static/icons/terminal.svg";
import trash from "lucide-static/icons/trash-2.svg";
import upload from "lucide-static/icons/upload.svg";
import warning from "lucide-static/icons/triangle-alert.svg";
import wrench from "lucide-static/icons/wrench.svg";

const SHAPES = {
  arrowDown, back, bell, bot, brain, building, chat, check, chevron, choose, clipboard, collapse, copy, cross, expand, eye, eyeOff, filePen,
  fileText, fold, folder, gauge, gitBranch, globe, history, image, info, key, keyboard, layers, link, list, lock, mail, maximise, menu, monitor, more, now,
  palette, panel, pencil, play, plus, question, refresh, restore, search, send, shield, shieldCheck, squareTerminal, stop, terminal, trash, undo, unfold, upload, user,
  cloud, container, network, server, users, warning, wrench,
};

export type IconName = keyof typeof SHAPES;

export const icon = (name: IconName): TemplateResult =>
  html`<span class="icon" aria-hidden="true">${unsafeSVG(SHAPES[name])}</span>`;
