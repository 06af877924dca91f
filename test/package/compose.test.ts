// docker-compose.yml: pinned, healthy before it is depended on, without default passwords, and telling the worker what it understands.
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DYNAMIC_CONFIG } from '../../cli/stack/temporal-server.ts';
import { loadConfig } from '../../runtime/config.ts';
import { useTempFolder } from '../support/temp-folder.ts';
import { ROOT } from './installed.ts';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: readonly string[] };
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
}
const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
const { services } = parse(text) as { services: Record<string, Service> };
const folder = useTempFolder();

describe('the compose file', () => {
  it('has versions for all images that are not built of this folder', () => {
    const images = Object.values(services).flatMap(({ image, build }) => (build === undefined ? [image] : []));
    expect(images.length).toBeGreaterThan(4);
    for (const image of images) expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?$/);
  });

  it('starts nothing before what it depends on is healthy, or has ended well', () => {
    for (const { depends_on: needs = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(needs)) {
        const check = services[name]?.healthcheck;
        if (condition === 'service_healthy') expect([name, check?.test?.length]).toEqual([name, expect.any(Number)]);
        else expect([name, condition]).toEqual(['migrate', 'service_completed_successfully']);
      }
    }
    expect(Object.keys(services['worker']?.depends_on ?? {})).toEqual(expect.arrayContaining(['migrate', 'temporal']));
  });

  it('listens on this machine only', () => {
    const ports = Object.values(services).flatMap(({ ports: each = [] }) => each);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('has no password in it, and no default for one', () => {
    const secrets = Object.values(services).flatMap(({ environment = {} }) =>
      Object.entries(environment).filter(([name]) => /PASSWORD|PWD|API_KEY|DATABASE_URL/.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(5);
    for (const [name, value] of secrets) expect([name, value]).toEqual([name, expect.stringMatching(/\$\{\w+:\?/)]);
  });

  it('gives the server the settings that the local stack gives to its own', () => {
    const file = parse(readFileSync(join(ROOT, 'docker/dynamic-config.yaml'), 'utf8')) as Record<
      string,
      [{ value: unknown }]
    >;
    const settings = Object.entries(file).map(([key, [{ value }]]) => [key, String(value)]);
    const own = Object.entries(DYNAMIC_CONFIG).map(([key, value]) => [key, String(value)]);
    expect(settings).toEqual(expect.arrayContaining(own));
    expect(settings.length).toBe(own.length);
  });

  it('tells worker and migration what their configuration understands, keys from one folder that is read only', () => {
    for (const name of ['worker', 'migrate']) {
      const told = Object.entries(services[name]?.environment ?? {}).map(([key, value]) => [
        key,
        value.replace(/\$\{\w+:\?[^}]*\}/g, 'secret').replace(/\$\{\w+:-\}/g, ''),
      ]);
      const config = loadConfig({ role: 'worker', env: Object.fromEntries(told), cwd: '/app' });
      expect(config).toMatchObject({ mode: 'production', policiesDir: '/app/policies' });
      if (name === 'migrate') continue;
      expect(config.databaseUrl).toContain('//countersign_worker:');
      const { kek, assertionPublic } = config.keyFiles;
      for (const file of [kek, assertionPublic, config.approversFile, config.approversKeyFile]) {
        expect(file).toMatch(/^\/run\/countersign\/[^/]+$/);
      }
    }
    expect(services['worker']?.volumes).toEqual(['./worker-keys:/run/countersign:ro']);
  });

  it('makes the logins that it uses', () => {
    const roles = readFileSync(join(ROOT, 'docker/ledger-roles.sql'), 'utf8');
    for (const [role, variable] of [
      ['worker', 'WORKER_DB_PASSWORD'],
      ['gateway', 'GATEWAY_DB_PASSWORD'],
    ]) {
      expect(roles).toContain(`create role countersign_${role} login `);
      expect(roles).toContain(`\\getenv ${role}_password ${variable}`);
      expect(Object.keys(services['ledger-db']?.environment ?? {})).toContain(variable);
    }
  });

  // .ci/run installs it where it can.
  const missing = spawnSync('docker-compose', ['version']).error !== undefined;
  if (missing) process.stdout.write('Not run: `docker-compose config` (docker-compose is not installed).\n');
  else
    it('is accepted by docker-compose, and not without its passwords', () => {
      for (const path of ['docker-compose.yml', 'docker', 'Dockerfile']) {
        cpSync(join(ROOT, path), folder.file(path), { recursive: true });
      }
      writeFileSync(folder.file('worker.env'), '');
      const wanted = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => [name, 'secret']);
      const env = { PATH: process.env['PATH'], ...Object.fromEntries(wanted) };
      const options = { cwd: folder.path, encoding: 'utf8' } as const;
      expect(spawnSync('docker-compose', ['config', '--quiet'], { ...options, env })).toMatchObject({ status: 0 });
      const without = spawnSync('docker-compose', ['config', '--quiet'], { ...options, env: { PATH: env.PATH } });
      expect(without.status).not.toBe(0);
      expect(without.stderr).toContain('see the top of docker-compose.yml');
    });
});
