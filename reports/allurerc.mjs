// How Allure 3 shows a run. Results are read from the folder named in HEALTHGATE_ALLURE_RESULTS.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.env.HEALTHGATE_ALLURE_RESULTS;
const labelOf = (labels, name) => labels?.find((label) => label.name === name)?.value;
const names = new Set();
for (const file of readdirSync(folder)) {
  if (!file.endsWith("-result.json")) continue;
  const name = labelOf(JSON.parse(readFileSync(join(folder, file), "utf8")).labels, "env");
  if (name) names.add(name);
}

export default {
  name: "Health checks",
  output: process.env.HEALTHGATE_ALLURE_OUTPUT,
  hideLabels: ["check_id", "state"],
  environments: Object.fromEntries(
    [...names].map((name) => [name, { name, matcher: ({ labels }) => labelOf(labels, "env") === name }]),
  ),
  categories: {
    rules: [
      { name: "1 Critical: act now", matchers: { statuses: ["failed"], message: /^\[critical\]/ }, groupByMessage: true, expand: true },
      { name: "2 Unknown: could not be found out", matchers: { statuses: ["broken", "unknown"] }, groupByMessage: true, expand: true },
      { name: "3 Warning", matchers: { statuses: ["failed"], message: /^\[warning\]/ }, groupByMessage: true },
      { name: "4 Objective missed", matchers: { statuses: ["failed"] }, groupByMessage: true },
      { name: "5 Blocked by one of the above", matchers: { statuses: ["skipped"] }, groupByMessage: true },
    ],
  },
  plugins: { awesome: { options: { singleFile: true, groupBy: ["epic", "feature"], defaultSortBy: "status,asc" } } },
};
