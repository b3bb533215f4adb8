// Draws one report as allurerc.mjs says, and prints one line of JSON: how many results Allure took.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AllureReport, resolveConfig } from "@allurereport/core";
import { BufferResultFile, PathResultFile } from "@allurereport/reader-api";
import settings from "./allurerc.mjs";

const input = JSON.parse(readFileSync(join(import.meta.dirname, "input.json"), "utf8"));
const config = await resolveConfig(settings);
const [awesome] = config.plugins.filter(({ id }) => id === "awesome");

// Allure reads through streams, whose buffers keep its garbage collector busy for most of a large report.
class Told extends BufferResultFile {
  constructor(name, result) {
    super(Buffer.alloc(0), name);
    this.result = result;
  }
  async asJson() {
    return this.result;
  }
}
class Beside extends PathResultFile {
  async asBuffer() {
    return readFileSync(this.path);
  }
}

// Allure shows a file at the first result it is attached to, and nowhere else: what is attached once more has a name of
// its own while Allure reads, and is one file with everything of the same content on the page.
const taken = new Set();
const others = new Map();
const several = (value) => (Array.isArray(value) ? value.filter(Boolean) : []);
function nameApart(part) {
  for (const attachment of several(part.attachments)) {
    if (taken.has(attachment.source)) {
      const name = `${others.size}-${attachment.source}`;
      others.set(name, attachment.source);
      attachment.source = name;
    } else {
      taken.add(attachment.source);
    }
  }
  several(part.steps).forEach(nameApart);
}
const contents = new Map();
function isKnown(name) {
  const [, extension] = /-attachment(\..*)?$/.exec(name) ?? [];
  if (extension === undefined) return false;
  const digest = createHash("sha256").update(readFileSync(join(input.folder, name))).digest("hex") + extension;
  if (contents.has(digest)) others.set(name, contents.get(digest));
  else contents.set(digest, name);
  return others.has(name);
}
async function bringTogether(store) {
  const links = await store.allAttachments({ includeMissed: true, includeUnused: true });
  const byName = new Map(links.map((link) => [link.originalFileName, link]));
  for (const link of links) {
    let name = link.originalFileName;
    while (others.has(name)) name = others.get(name);
    const same = byName.get(name);
    if (same && same !== link && !same.missed) Object.assign(link, same, { name: link.name, used: true });
  }
}
const written = new Set();
const reportFiles = {
  addFile: async (path, data) => {
    if (written.has(path)) return path;
    written.add(path);
    return config.reportFiles.addFile(path, data);
  },
};

// Allure tells of a plugin that fails and goes on without its page.
let failure;
const done = awesome.plugin.done;
awesome.plugin.done = (...all) =>
  done(...all).catch((error) => {
    failure = error;
    throw error;
  });

const report = new AllureReport({ ...config, reportFiles, plugins: [awesome] });
await report.start();
for (const [name, result] of Object.entries(input.results)) {
  nameApart(result);
  await report.readResult(new Told(name, result));
}
for (const name of input.beside) {
  if (!isKnown(name)) await report.readResult(new Beside(join(input.folder, name), name));
}
const errors = input.errors.map((message) => ({ message }));
await report.readResult(new Told("healthgate-globals.json", { errors }));
await bringTogether(report.store);
const every = await report.store.allTestResults({ includeRetries: true });
const latest = await report.store.allTestResults({ includeRetries: false });
const gate = await report.validate({ trs: latest });
report.realtimeDispatcher.sendQualityGateResults(gate.results);
await report.done();
if (failure) {
  console.error(`Error: ${failure.message}`);
  process.exit(1);
}
console.log(JSON.stringify({ taken: every.length }));
