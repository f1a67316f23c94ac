// Drives `@supabase/realtime-js`, unmodified and with its defaults.

import { RealtimeClient } from "@supabase/realtime-js";
import { drive, tell } from "./driver.mjs";

let client;
let channel;

/** What a promise of the client came to, told under the name of the command. */
function told(name, promise) {
  promise.then((result) => tell(name, result), (error) => tell(name, error));
}

await drive({
  open({ url, apikey, vsn }) {
    client = new RealtimeClient(url, { params: { apikey }, vsn });
  },
  subscribe({ topic, key, changes, ...config }) {
    const presence = { key, enabled: true };
    const broadcast = { ack: true, self: true };
    channel = client.channel(topic, { config: { broadcast, presence, ...config } });
    channel.on("broadcast", { event: "ev" }, (message) => tell("broadcast", message));
    channel.on("system", {}, (message) => tell("system", message));
    for (const event of ["join", "leave"]) {
      channel.on("presence", { event }, (message) => tell(event, message));
    }
    channel.on("presence", { event: "sync" }, () => tell("sync", channel.presenceState()));
    for (const change of changes) {
      channel.on("postgres_changes", change, (message) => tell("pg", message));
    }
    channel.subscribe((status, error) => tell("subscribe", status, error));
  },
  send({ payload }) {
    told("send", channel.send({ type: "broadcast", event: "ev", payload }));
  },
  send_binary({ base64 }) {
    const payload = new Uint8Array(Buffer.from(base64, "base64")).buffer;
    told("send", channel.send({ type: "broadcast", event: "ev", payload }));
  },
  track({ payload }) {
    told("track", channel.track(payload));
  },
  untrack() {
    told("untrack", channel.untrack());
  },
  set_auth({ token }) {
    client.setAuth(token);
  },
  unsubscribe() {
    told("unsubscribe", channel.unsubscribe());
  },
  disconnect() {
    client.disconnect();
  },
});
