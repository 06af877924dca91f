// Counts what a Vitest run found: test cases, and what failed outside of one (a file that does not load, a hook, a stray error).

export function countResults(modules, unhandledErrors) {
  const counts = { passed: 0, failed: 0, skipped: [], broken: [] };
  for (const module of modules) {
    const failuresBefore = counts.failed;
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === 'passed') counts.passed += 1;
      else if (result.state === 'failed') counts.failed += 1;
      else counts.skipped.push({ name: `${module.relativeModuleId} > ${test.fullName}`, reason: result.note ?? '' });
    }
    const errors = [...module.errors()];
    for (const suite of module.children.allSuites()) errors.push(...suite.errors());
    for (const error of errors) counts.broken.push(`${module.relativeModuleId}: ${firstLine(error.message)}`);
    // A file that failed in a way that none of the above shows must not pass unseen.
    if (module.state() === 'failed' && errors.length === 0 && counts.failed === failuresBefore) {
      counts.broken.push(`${module.relativeModuleId}: failed`);
    }
  }
  for (let index = 0; index < unhandledErrors; index += 1) counts.broken.push('an unhandled error, printed above');
  return counts;
}

const firstLine = (text) => String(text).split('\n', 1)[0];
