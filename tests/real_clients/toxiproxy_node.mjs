// Every call of toxiproxy-node-client against the server at argv[2]: one line of JSON for each.
import client from "toxiproxy-node-client";

const { Toxiproxy } = client;
const [url, upstream] = process.argv.slice(2);
const toxiproxy = new Toxiproxy(url);

async function tell(what, call) {
  let got;
  try {
    got = (await call()) ?? null;
  } catch (error) {
    got = { said: error.message };
  }
  console.log(JSON.stringify([what, got]));
}

const named = (proxies) => Object.keys(proxies).sort();
const listen = "127.0.0.1:0";
let proxy, toxic;

await tell("getVersion", () => toxiproxy.getVersion());
await tell("createProxy", async () => {
  proxy = await toxiproxy.createProxy({ name: "node", listen, upstream });
  return { ...proxy.toJson(), listen: "" };
});
await tell("createProxy again", () => toxiproxy.createProxy({ name: "node", listen, upstream }));
await tell("get", async () => (await toxiproxy.get("node")).toJson().upstream === upstream);
await tell("get none", () => toxiproxy.get("none"));
await tell("populate", async () =>
  named(await toxiproxy.populate([{ name: "more", listen, upstream }])));
await tell("getAll", async () => named(await toxiproxy.getAll()));
await tell("update", async () => (await proxy.update({ enabled: false, listen: proxy.listen, upstream })).enabled);
await tell("addToxic", async () => {
  toxic = await proxy.addToxic({
    name: "slow", type: "latency", stream: "upstream", toxicity: 0.5,
    attributes: { latency: 100, jitter: 10 },
  });
  return toxic.toJson();
});
await tell("addToxic again", () =>
  proxy.addToxic({ name: "slow", type: "noop", attributes: {}, toxicity: 1, stream: "upstream" }));
await tell("addToxic unknown", () =>
  proxy.addToxic({ name: "odd", type: "odd", attributes: {}, toxicity: 1, stream: "upstream" }));
await tell("getToxic", async () => (await proxy.getToxic("slow")).toJson());
await tell("toxic.update", async () => {
  const updated = await toxic.update({ toxicity: 1, attributes: { latency: 200 } });
  return updated.toJson();
});
await tell("toxic.remove", () => toxic.remove());
await tell("getToxic none", () => proxy.getToxic("slow"));
await tell("reset", () => toxiproxy.reset());
await tell("enabled by reset", async () => (await toxiproxy.get("node")).enabled);
await tell("remove", async () => {
  for (const each of Object.values(await toxiproxy.getAll())) await each.remove();
  return named(await toxiproxy.getAll());
});
