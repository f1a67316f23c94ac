// What the drivers share: commands come in as lines of JSON, callbacks go out as lines of JSON.

import { createInterface } from "node:readline";

/** Say that the client called back, or that what a command waited for has come. */
export function tell(cb, ...args) {
  process.stdout.write(JSON.stringify({ cb, args: args.map(readable) }) + "\n");
}

/** Run each command as it comes, in order; a command is a function of `commands` by its name. */
export async function drive(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...options } = JSON.parse(line);
    commands[name](options);
  }
  process.exit(0);
}

/** Binary payloads, at whatever depth, as `{"base64": "…"}`; an absent argument as null. */
function readable(value) {
  if (value === undefined) return null;
  if (value instanceof Error) return value.message;
  if (value instanceof ArrayBuffer) return { base64: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(readable);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, readable(inner)]));
}
