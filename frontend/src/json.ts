// Values of unknown shape, as the log and an agent's tools carry them: whoever reads one gets what it asks for, or nothing.

import type { Json } from "./protocol.ts";

export const str = (value: unknown): string => (typeof value === "string" ? value : "");
/** Numbers as text, too. An object is none: it may bring a `toString` of its own, which throws. */
export const text = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? `${value}` : "");
export const num = (value: unknown): number => (typeof value === "number" ? (Number.isFinite(value) ? value : 0) : typeof value === "string" ? Number(value) || 0 : 0);
export const obj = (value: unknown): Json => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {});
export const arr = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
