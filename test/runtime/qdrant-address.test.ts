// Where requests to Qdrant go, by how its URL is written.
import { expect, it } from 'vitest';
import { qdrantAddress } from '../../runtime/qdrant-address.ts';

it.each([
  ['http://localhost', 'http://localhost:6333', ''],
  ['http://localhost:6333/', 'http://localhost:6333', ''],
  ['https://q.example.com', 'https://q.example.com:6333', ''],
  ['https://q.example.com:443/vectors/', 'https://q.example.com:443', '/vectors'],
  ['http://q.example.com:80', 'http://q.example.com:80', ''],
  ['http://[::1]', 'http://[::1]:6333', ''],
  ['http://[::1]:7000', 'http://[::1]:7000', ''],
  ['http://user:80@q.example.com', 'http://q.example.com:6333', ''],
])('%s is asked at %s%s', (url, origin, path) => {
  expect(qdrantAddress(url)).toEqual({
    origin,
    path,
    isTls: url.startsWith('https:'),
    port: Number(origin.split(':').at(-1)),
  });
});
