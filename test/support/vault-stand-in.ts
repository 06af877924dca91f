// The transit engine of HashiCorp Vault and OpenBao over real HTTP, as far as wrapping keys goes: encrypt, decrypt with associated
// data, key versions. It refuses what the real one refuses, and answers 404 to everything else.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { listen } from './listen.ts';

export interface VaultStandIn {
  readonly url: string;
  readonly token: string;
  /** Requests by path, in order. */
  readonly requests: readonly string[];
  /** Makes a new version, which encrypts from now on. */
  rotate(): void;
  /** Answers 503 to everything until it is called with false. */
  seal(sealed: boolean): void;
  close(): Promise<void>;
}

export async function startVault(key: string): Promise<VaultStandIn> {
  const token = `hvs.${randomBytes(12).toString('hex')}`;
  const versions = [randomBytes(32)];
  const requests: string[] = [];
  let sealed = false;

  const answer = async (request: IncomingMessage): Promise<readonly [number, unknown]> => {
    if (sealed) return [503, { errors: ['Vault is sealed'] }];
    if (request.headers['x-vault-token'] !== token) return [403, { errors: ['permission denied'] }];
    const route = `${request.method} ${request.url}`;
    if (route === `GET /v1/transit/keys/${key}`) return [200, { data: { latest_version: versions.length } }];
    const body = (request.method === 'POST' ? await json(request) : {}) as Record<string, string>;
    const aad = Buffer.from(body['associated_data'] ?? '', 'base64');
    if (route === `POST /v1/transit/encrypt/${key}`) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', versions.at(-1) as Buffer, nonce).setAAD(aad);
      const text = Buffer.concat([cipher.update(Buffer.from(body['plaintext'] ?? '', 'base64')), cipher.final()]);
      const ciphertext = Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64');
      return [200, { data: { ciphertext: `vault:v${versions.length}:${ciphertext}`, key_version: versions.length } }];
    }
    if (route === `POST /v1/transit/decrypt/${key}`) {
      const [, version, base64 = ''] = /^vault:v(\d+):(.+)$/.exec(body['ciphertext'] ?? '') ?? [];
      const secret = versions[Number(version) - 1];
      if (secret === undefined) return [400, { errors: ['invalid ciphertext: no prefix'] }];
      const bytes = Buffer.from(base64, 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, 12)).setAAD(aad);
        decipher.setAuthTag(bytes.subarray(-16));
        const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
        return [200, { data: { plaintext: plain.toString('base64') } }];
      } catch {
        return [400, { errors: ['cipher: message authentication failed'] }];
      }
    }
    return [404, { errors: [] }];
  };

  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request).then(
      ([status, body]) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      () => response.writeHead(400).end('{"errors":["malformed"]}'),
    );
  });
  const { address, close } = await listen(server);
  return {
    url: address,
    token,
    requests,
    rotate: () => void versions.push(randomBytes(32)),
    seal(next) {
      sealed = next;
    },
    close,
  };
}
