// How Allure shows a run: environments, categories in the order in which somebody on call needs them, charts, the gate.
// What is particular to one report is in input.json beside this file.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const input = JSON.parse(readFileSync(join(import.meta.dirname, "input.json"), "utf8"));
const labelOf = (labels, name) => labels?.find((label) => label.name === name)?.value;
const production = input.environments.filter(({ stage }) => stage === "production");
const productionNames = new Set(production.map(({ name }) => name));
const productionLabels = new Set(production.map(({ label }) => label));

// The first words of a message: "[critical] pressure in works: …", "[blocked] by boiler.reachable, which is critical".
const stateOf = (message) => /^\[(\w+)\]/.exec(message ?? "")?.[1];

const HEADINGS = {
  production: "Critical in production: act now",
  critical: "Critical elsewhere",
  unknown: "Unknown: could not be found out",
  test: "Tests that failed by themselves",
  warning: "Warning",
  missed: "Objective missed, or not yet for long enough to tell",
  blocked: "Blocked: fix what is named first",
  echo: "Sums up what is named above",
  known: "Known issues",
  maintenance: "In maintenance",
};
const BY = { blocked: ["environment"], known: [{ label: "issue" }] };

function headingOf({ status, message, environment, labels }) {
  const state = stateOf(message);
  if (state === "maintenance") return "maintenance";
  if (state === undefined || (state === "ok" && status !== "passed")) {
    return status === "failed" || status === "broken" ? "test" : undefined;
  }
  if (state === "ok") return undefined;
  if (labelOf(labels, "echo")) return "echo";
  if (labelOf(labels, "issue")) return "known";
  if (state === "critical") return productionNames.has(environment) ? "production" : "critical";
  if (state === "warning" || state === "blocked") return state;
  return state === "missed" || state === "pending" ? "missed" : "unknown";
}

// A critical check in production, or one that is blocked by such a check that has no result of its own here.
function criticalInProduction(trs) {
  const there = trs.filter(({ labels }) => productionLabels.has(labelOf(labels, "env")));
  const told = new Set(there.map(({ labels }) => `${labelOf(labels, "env")}|${labelOf(labels, "check_id")}`));
  const isCritical = ({ labels, error }) => {
    const state = stateOf(error?.message);
    if (state !== "blocked") return state === "critical";
    const root = `${labelOf(labels, "env")}|${labelOf(labels, "root")}`;
    return !told.has(root) && error.message.endsWith("which is critical");
  };
  return there.filter(isCritical);
}

const NOTHING_CAME = /^\[unknown\] .*: it (?:brought no result|crashed): /s;
const counted = (trs) => {
  const found = new Map(input.environments.map(({ label }) => [label, new Set()]));
  for (const { labels, error } of trs) {
    const came = labelOf(labels, "state") && !NOTHING_CAME.test(error?.message ?? "");
    if (came) found.get(labelOf(labels, "env"))?.add(labelOf(labels, "check_id"));
  }
  return input.environments.map((one) => ({ ...one, actual: found.get(one.label).size }));
};
const verdict = (success, actual, trs = []) => ({ success, actual, testResults: trs.map(({ id }) => id) });
const listed = (names) => names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");

const RULES = [
  {
    rule: "nothing is critical in production",
    validate: async ({ trs }) => {
      const found = criticalInProduction(trs);
      const checks = found.map(({ labels }) => `${labelOf(labels, "check_id")} in ${labelOf(labels, "env")}`);
      return verdict(found.length === 0, checks, found);
    },
    message: ({ actual }) => listed(actual),
    successMessage: () =>
      production.length === 0
        ? `no environment here is production: ${input.environments.map(({ name }) => name).join(", ")}`
        : `nothing is critical in ${production.map(({ name }) => name).join(", ")}`,
  },
  {
    rule: "every check brought a result",
    validate: async ({ trs }) => {
      const each = counted(trs);
      const unknown = each.length === 0 || each.some(({ expected }) => expected === null);
      return verdict(!unknown && each.every(({ actual, expected }) => actual >= expected), each);
    },
    message: ({ actual }) =>
      actual.length === 0
        ? "there is no check among these results"
        : actual.map(({ name, actual, expected }) => `${name}: ${actual} of ${expected ?? "nobody knows how many"}`).join(", "),
    successMessage: ({ actual }) => actual.map(({ name, actual }) => `${name}: ${actual} of ${actual}`).join(", "),
  },
  {
    rule: "every environment was looked at",
    validate: async ({ trs }) => {
      const missing = counted(trs).filter(({ actual }) => actual === 0).map(({ name }) => name);
      return verdict(missing.length === 0, missing);
    },
    message: ({ actual }) => `there is no result of ${actual.join(", ")}`,
    successMessage: () => input.environments.map(({ name }) => name).join(", "),
  },
];

export default {
  name: input.title,
  output: input.output,
  historyPath: input.history,
  hideLabels: ["framework", "language", "env", "stage", "state", "check_id", "root"],
  environments: Object.fromEntries(
    input.environments.map(({ id, name, label }) => [id, { name, matcher: ({ labels }) => labelOf(labels, "env") === label }]),
  ),
  categories: {
    rules: Object.entries(HEADINGS).map(([key, name]) => ({
      name,
      matchers: [(result) => headingOf(result) === key],
      groupBy: BY[key] ?? [],
      groupByMessage: true,
      groupEnvironments: false,
      expand: key !== "maintenance",
    })),
  },
  qualityGate: { use: RULES, rules: RULES.map(({ rule }) => ({ [rule]: true })) },
  plugins: {
    awesome: {
      options: {
        singleFile: input.singleFile,
        groupBy: ["epic", "feature"],
        defaultSortBy: "status,asc",
        sections: ["charts"],
        charts: [
          { type: "statusDynamics", title: "Results of the last runs", limit: 20 },
          { type: "statusTransitions", title: "What changed between runs", limit: 20 },
          { type: "problemsDistribution", title: "Share of ill checks by area", by: "environment" },
          { type: "statusAgePyramid", title: "Since which run checks have been ill", limit: 20 },
          { type: "testResultSeverities", title: "Results by severity", includeUnset: false },
          { type: "currentStatus", title: "This run" },
        ],
      },
    },
  },
};
