// Says what to do when Node is too old to run TypeScript as it is. Plain JavaScript; imports nothing.

/** Whether this version (`24.1.0`) runs our sources: type stripping is on from 22.18 and 23.6. */
export function isSupported(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major >= 24) return true;
  return major === 22 && minor >= 18;
}

/** Ends the process with exit code 1 and a sentence when Node is too old. */
export function requireNode() {
  if (isSupported(process.versions.node)) return;
  process.stderr.write(`error: countersign needs Node 24 (22.18 at least), and this is ${process.versions.node}\n`);
  process.stderr.write(
    process.platform === 'linux'
      ? 'hint: use `npx countersign …` or an npm script: on Linux they run the Node 24 that `npm ci` installed here.\n'
      : 'hint: install Node 24, for example with your version manager.\n',
  );
  process.exit(1);
}
