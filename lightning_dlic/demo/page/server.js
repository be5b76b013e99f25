// What the page asks of its server, and how it waits for work.

export class Refused extends Error {}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer. Is dlic demo still running?");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(told.error || `The server refuses (${answer.status}).`);
  return told;
}

const post = (path, body) => ask(path, { method: "POST", body });

export const about = () => ask("/api/about");
export const sample = (name) => post(`/api/samples/${name}`);
export const code = (picture, asked) => post(`/api/pictures/${picture}/code`, JSON.stringify(asked));
export const hints = (picture, asked) => post(`/api/pictures/${picture}/hints`, JSON.stringify(asked));
export const stop = (job) => ask(`/api/jobs/${job}`, { method: "DELETE", keepalive: true });
export const file = (picture, name) => `/api/pictures/${picture}/files/${name}`;

export async function upload(given, limit) {
  if (given.size > limit) throw new Refused(`This file is larger than the ${limit >> 20} MB that this page takes.`);
  if (!given.size) throw new Refused("The file is empty.");
  // Neither its name nor its type leaves the page.
  return post("/api/pictures", new Blob([given]));
}

// Follows a job to its end; `changed` sees every state, and says with false that nobody cares any more.
export async function follow(first, changed) {
  let job = first;
  for (let pause = 80; ; pause = Math.min(400, pause * 1.3)) {
    if (changed(job) === false) return job;
    if (job.state === "failed") throw new Refused(job.error);
    if (job.state === "done" || job.state === "stopped") return job;
    await new Promise((wake) => setTimeout(wake, pause));
    job = await ask(`/api/jobs/${job.job}`);
  }
}
