// What the UI of `countersign dev` shows: its codec endpoint, beside the real worker.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readStackFile } from '../../../runtime/stack-file.ts';
import { SAMPLE_DOCUMENTS } from '../../support/engine.ts';
import { temporalBinary } from '../../support/services.ts';
import { useStack } from '../../support/stack.ts';

const QUESTION = 'When is my refund paid after the return is checked?';
const stack = useStack();
const exec = promisify(execFile);

it('the UI of a local stack has its payloads decoded, and who looked is written down as the auditor', async () => {
  const { code } = await stack.run(['ingest', SAMPLE_DOCUMENTS, '--collection', 'refund-policy-docs']);
  expect(code).toBe(0);
  const asked = await stack.run(['ask', QUESTION, '--json']);
  const { runId } = JSON.parse(asked.stdout) as { runId: string };
  const running = readStackFile(stack.home);
  const { address, uiUrl } = running?.temporal ?? {};
  const settings = (await (await fetch(`${uiUrl}/api/v1/settings`)).json()) as { Codec: { Endpoint: string } };

  // The UI asks as its page does: no token, and its origin.
  const args = ['workflow', 'show', '--workflow-id', runId, '--address', address ?? '', '--output', 'json'];
  const { stdout } = await exec(temporalBinary(), args, { env: { HOME: stack.home, PATH: '/usr/bin:/bin' } });
  const history = JSON.parse(stdout) as {
    events: { workflowExecutionStartedEventAttributes?: { input: { payloads: object[] } } }[];
  };
  const { payloads } = history.events[0]?.workflowExecutionStartedEventAttributes?.input ?? { payloads: [] };
  const response = await fetch(`${settings.Codec.Endpoint}/decode`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-namespace': 'default', origin: uiUrl ?? '' },
    body: JSON.stringify({ payloads }),
  });
  expect(response.headers.get('access-control-allow-origin')).toBe(uiUrl);
  const shown = (await response.json()) as { payloads: { data: string }[] };
  expect(Buffer.from(shown.payloads[0]?.data ?? '', 'base64').toString()).toContain(QUESTION);
  expect(JSON.stringify(payloads)).not.toContain(shown.payloads[0]?.data);

  // Others need a token.
  const { stdout: token } = await stack.run(['codec', 'token', '--as', 'auditor']);
  const byToken = ['--codec-endpoint', running?.codec?.url ?? '', '--codec-auth', `Bearer ${token.trim()}`];
  const { stdout: clear } = await exec(temporalBinary(), [...args, ...byToken], { env: { HOME: stack.home } });
  expect(clear).toContain(shown.payloads[0]?.data);
});
