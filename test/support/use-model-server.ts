// A server of models for each test of a file.
import { afterEach, beforeEach } from 'vitest';
import type { ModelServer } from './model-server.ts';
import { startModelServer } from './model-server.ts';

/** Starts one before each test; after it, whatever was asked must have been scripted. */
export function useModelServer(): ModelServer {
  let current: ModelServer | undefined;
  const server = (): ModelServer => {
    if (current === undefined) throw new Error('a server of models is there in tests only');
    return current;
  };
  beforeEach(async () => {
    current = await startModelServer();
  });
  afterEach(async () => {
    await server().close();
    server().assertAllScripted();
  });
  return {
    get url() {
      return server().url;
    },
    get googleUrl() {
      return server().googleUrl;
    },
    get requests() {
      return server().requests;
    },
    get paid() {
      return server().paid;
    },
    get left() {
      return server().left;
    },
    script: (...replies) => server().script(...replies),
    always: (reply) => server().always(reply),
    assertAllScripted: () => server().assertAllScripted(),
    close: () => server().close(),
    [Symbol.asyncDispose]: () => server().close(),
  };
}
