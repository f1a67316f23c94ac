// Drives `@supabase/realtime-js`, unmodified and with its defaults, over `ws` as on Node 20, as a
// process that is told what to do. Commands come in as lines of JSON, what happens goes out as
// lines of JSON, each with the time of day at which it did.

import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

import { RealtimeClient } from "@supabase/realtime-js";
import { WebSocket } from "ws";

const POLL_MS = 50;
const WATCH_MS = 100;
const STALL_MS = 250; // A loop that was this late has measured itself.
const ANSWER_MS = 3000;
const SETTLE_MS = 200;
const EVENTS = ["n", "probe", "app"];

let client;
const channels = new Map();
const told = new Map();
const sending = new Set();
let raising = null;

/** Say what happened, now. */
function tell(who, what, data = null) {
  const at = (performance.timeOrigin + performance.now()) / 1000;
  writeSync(1, JSON.stringify({ at, who, what, data }) + "\n");
}

/** Make a call and tell what it came to, whenever that is. */
function call(name, id, act) {
  const answer = answered(name, id, act);
  if (name !== "send") return;
  sending.add(answer);
  void answer.then(() => sending.delete(answer));
}

async function answered(name, id, act) {
  const named = id === undefined ? {} : { id };
  tell("app", `call:${name}`, named);
  try {
    const value = (await act()) ?? null;
    tell("app", `result:${name}`, { ...named, outcome: "ok", value });
  } catch (error) {
    tell("app", `result:${name}`, { ...named, outcome: "error", value: String(error) });
  }
}

function raiseIfTold(kind) {
  if (raising !== kind) return;
  raising = null;
  tell("app", "callback_raises", kind);
  throw new Error(`deliberate error in ${kind} callback`);
}

function make(id, topic, pg, presence, isPrivate) {
  const config = { broadcast: { ack: true, self: false } };
  if (presence) config.presence = { key: "", enabled: true };
  if (isPrivate) config.private = true;
  const channel = client.channel(topic, { config });
  const same = [...channels.values()].includes(channel);
  channels.set(id, channel);
  tell("app", "channel", { id, same_object_as_before: same });
  if (!same) listen(id, channel, pg, presence);
  return channel;
}

function listen(id, channel, pg, presence) {
  for (const event of EVENTS) {
    channel.on("broadcast", { event }, (message) => {
      tell("client", "broadcast", { id, event: message.event, ...message.payload });
      raiseIfTold("broadcast");
    });
  }
  for (const binding of pg) {
    channel.on("postgres_changes", binding, (message) => {
      const { eventType: type, errors = null } = message;
      tell("client", "change", { id, type, num: message.new?.num ?? null, errors });
      raiseIfTold("change");
    });
  }
  channel.on("system", {}, (payload) => {
    tell("client", "system", { id, payload });
    raiseIfTold("system");
  });
  if (!presence) return;
  for (const event of ["sync", "join", "leave"]) {
    channel.on("presence", { event }, ({ key }) => {
      tell("client", `presence ${event}`, { id, key });
    });
  }
}

function subscribe(id) {
  channels.get(id).subscribe((status, error) => {
    tell("client", "status", { id, status, error: error ? String(error) : null });
    raiseIfTold("status");
  });
}

const commands = {
  connect: () => client.connect(),
  new: ({ id, topic, pg, presence, private: isPrivate }) => {
    make(id, topic, pg, presence, isPrivate);
  },
  sub: ({ id }) => {
    subscribe(id);
  },
  unsub: ({ id }) => channels.get(id).unsubscribe(),
  /** Subscribe, unsubscribe and subscribe again on one topic, each awaited or none. */
  async quick({ topic, pg, wait }) {
    const first = make("a", topic, pg, false, false);
    subscribe("a");
    if (wait) await joined(first);
    const left = first.unsubscribe().then((word) => tell("app", "unsubscribe returned", word));
    if (wait) await left;
    make("b", topic, pg, false, false);
    subscribe("b");
  },
  set_auth: ({ token }) => client.setAuth(token),
  track: ({ id, state }) => channels.get(id).track(state),
  raise_next: ({ kind }) => {
    raising = kind;
  },
  send: ({ id, n }) =>
    channels.get(id).send({ type: "broadcast", event: "app", payload: { n } }),
};

async function joined(channel) {
  while (channel.state === "joining") await new Promise((go) => setTimeout(go, 1));
}

/** Tell the states of socket and channels whenever they have changed. */
function poll() {
  tellChanged("socket", "socket_state", {
    is_connected: client.isConnected(),
    connection_state: client.connectionState(),
  });
  for (const [id, channel] of channels) {
    const registered = client.getChannels().includes(channel);
    tellChanged(id, "channel_state", { id, state: channel.state, registered });
  }
}

function tellChanged(key, what, state) {
  const text = JSON.stringify(state);
  if (told.get(key) === text) return;
  told.set(key, text);
  tell("client", what, state);
}

/** Tell when this process stood still: what it saw then says nothing about the client. */
function watch() {
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    const late = now - before - WATCH_MS;
    before = now;
    if (late >= STALL_MS) tell("driver", "stalled", { for_s: Math.round(late) / 1000 });
  }, WATCH_MS);
}

function open({ url, apikey, no_handler: noHandler }) {
  for (const level of ["warn", "error"]) {
    console[level] = (...words) => tell("client", "log", { level, msg: words.join(" ") });
  }
  if (!noHandler) {
    process.on("uncaughtException", (error) => {
      tell("client", "uncaughtException", String(error));
    });
  }
  client = new RealtimeClient(url, { params: { apikey }, transport: WebSocket });
  client.onHeartbeat?.((status) => tell("client", "heartbeat", { status }));
  setInterval(poll, POLL_MS);
  watch();
  tell("app", "ready");
}

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...options } = JSON.parse(line);
  if (name === "open") {
    open(options);
  } else if (name === "close") {
    // An answer that is due at this moment may still come.
    await Promise.race([Promise.all(sending), new Promise((go) => setTimeout(go, ANSWER_MS))]);
    tell("app", "call:close", {});
    client.disconnect();
    tell("app", "close", { outcome: "ok" });
    setTimeout(() => process.exit(0), SETTLE_MS);
    break;
  } else {
    call(name, options.id, () => commands[name](options));
  }
}
