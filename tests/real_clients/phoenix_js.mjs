// Drives phoenix.js, the client of the Phoenix framework, unmodified and with its defaults.

import { Presence, Socket } from "phoenix";
import { drive, tell } from "./driver.mjs";

let socket;
let channel;

/** The answer to a push, told under a name. */
function told(name, push) {
  push.receive("ok", () => tell(name, "ok")).receive("error", (why) => tell(name, "error", why));
}

await drive({
  open({ url, apikey }) {
    socket = new Socket(url, { params: { apikey } });
    socket.connect();
  },
  subscribe({ topic, key, changes, ...config }) {
    const broadcast = { ack: true, self: true };
    const presence = { key, enabled: true };
    channel = socket.channel(`realtime:${topic}`, {
      config: { broadcast, presence, postgres_changes: changes, ...config },
    });
    channel.on("broadcast", (message) => tell("broadcast", message));
    channel.on("system", (message) => tell("system", message));
    channel.on("postgres_changes", (message) => tell("pg", message));
    channel.onClose(() => tell("subscribe", "CLOSED"));
    channel.onError((why) => tell("subscribe", "CHANNEL_ERROR", why));
    const people = new Presence(channel);
    people.onJoin((key, current, fresh) => tell("join", key, current, fresh));
    people.onLeave((key, current, left) => tell("leave", key, current, left));
    people.onSync(() => tell("sync", people.list((key, { metas }) => ({ key, metas }))));
    channel
      .join()
      .receive("ok", () => tell("subscribe", "SUBSCRIBED"))
      .receive("error", (why) => tell("subscribe", "REFUSED", why));
  },
  send({ payload }) {
    told("send", channel.push("broadcast", { type: "broadcast", event: "ev", payload }));
  },
  send_binary({ base64 }) {
    const payload = new Uint8Array(Buffer.from(base64, "base64")).buffer;
    told("send", channel.push("broadcast", payload));
  },
  track({ payload }) {
    told("track", channel.push("presence", { type: "presence", event: "track", payload }));
  },
  untrack() {
    told("untrack", channel.push("presence", { type: "presence", event: "untrack" }));
  },
  set_auth({ token }) {
    channel.push("access_token", { access_token: token });
  },
  unsubscribe() {
    told("unsubscribe", channel.leave());
  },
  disconnect() {
    socket.disconnect();
  },
});
