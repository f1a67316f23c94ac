// Drives `@supabase/auth-js`, unmodified: one life of a user, told step by step.

import { GoTrueClient } from "@supabase/auth-js";
import { drive, tell } from "./driver.mjs";

let client;
let service;

/** What a call came to, told under a name; an error as its code and status. */
async function told(name, promise) {
  const { data, error } = await promise;
  tell(name, error ? { code: error.code, status: error.status } : data);
}

function made(url, key) {
  const headers = { apikey: key, Authorization: `Bearer ${key}` };
  return new GoTrueClient({ url, headers, autoRefreshToken: false, persistSession: true });
}

await drive({
  open({ url, apikey, servicekey }) {
    client = made(url, apikey);
    service = made(url, servicekey);
  },
  call({ method, args }) {
    told(method, client[method](...args));
  },
  admin({ method, args }) {
    told(method, service.admin[method](...args));
  },
});
