// The verdict of a test run: reads vitest's JSON report, prints one line `N passed, N failed[, N skipped]`, exits by it.
// A file that could not be loaded, and a step before the tests that failed (named as arguments), count as a failure each.
import { readFileSync } from 'node:fs';

const [reportFile, ...failedSteps] = process.argv.slice(2);
const strict = process.env.CI === 'true';

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null; // vitest ended before it wrote a report
  }
}

const report = read(reportFile);
const results = report?.testResults ?? [];
const broken = results.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
const steps = failedSteps.filter((step) => step !== 'tests');
const passed = report?.numPassedTests ?? 0;
const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
let failed = (report?.numFailedTests ?? 0) + broken.length + steps.length;
if (failed === 0 && failedSteps.length > 0) failed = 1; // an error outside of any test

for (const file of broken) console.error(`could not be run: ${file.name}`);
for (const step of steps) console.error(`failed: ${step}`);
if (skipped > 0 && strict) console.error(`${skipped} skipped, which is a failure with CI=true`);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed > 0 || passed === 0 || (skipped > 0 && strict) ? 1 : 0;
