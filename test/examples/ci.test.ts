// The example that gates a pull request: the script as any CI calls it, on a stack of its own, and the workflow that calls it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { temporalBinary } from '../support/services.ts';
import { useTempFolder } from '../support/temp-folder.ts';

const folder = useTempFolder();
const [report, junit] = [folder.file('report.md'), folder.file('junit.xml')];
const gate = (env: Readonly<Record<string, string>>) =>
  spawnSync('sh', ['examples/ci/gate.sh'], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TEMPORAL_CLI_PATH: temporalBinary(),
      REPORT: report,
      JUNIT: junit,
      ...env,
    },
  });

describe('the shell script', () => {
  it('lets the sample release pass, with a report to be read as a comment, and leaves no stack behind', () => {
    const { status, stdout, stderr } = gate({});
    expect(stderr).not.toContain('error:');
    expect(stdout).toMatch(/^gate passed\n {2}release .*\n {2}passed +index /);
    expect(status).toBe(0);
    expect(readFileSync(report, 'utf8')).toMatch(/passed[\s\S]*pass-rate/);
    expect(readFileSync(junit, 'utf8')).toContain('<testcase');
  }, 120_000);

  it('says by its exit code and in the report that it could not be run', () => {
    const { status } = gate({ DOCUMENTS: 'nothing' });
    expect(status).toBe(64);
    expect(readFileSync(report, 'utf8')).toContain('could not be run (exit code 64)');
  });
});

describe('the workflow', () => {
  it('runs on a change of a release, with no more rights than to comment', () => {
    const workflow = parse(readFileSync('examples/ci/release-gate.yml', 'utf8'));
    expect(workflow.on.pull_request.paths).toContain('releases/**');
    expect(workflow.permissions).toEqual({ contents: 'read', 'pull-requests': 'write' });
    const runs = workflow.jobs.gate.steps.map(({ run }: { run?: string }) => run ?? '');
    expect(runs).toContain('sh examples/ci/gate.sh');
    expect(runs.join('\n')).toContain('--body-file');
  });
});
