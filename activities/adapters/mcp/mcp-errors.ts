// What breaks a call to an MCP server. The names reach people (`It ended without saying whether it happened (…)`); of messages only
// those of our own: what a server says in an error may repeat what it was sent, tokens too.
import { ProtocolError, SdkError, SdkHttpError } from '@modelcontextprotocol/client';
import { UserError } from '../../../runtime/errors.ts';

class McpError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export class McpResultTooLarge extends McpError {
  constructor() {
    super('McpResultTooLarge', 'it answered with more bytes than are taken');
  }
}

export class McpProtocolBroken extends McpError {
  constructor() {
    super('McpProtocolBroken', 'it wrote something that is not MCP');
  }
}

export class McpServerEnded extends McpError {
  constructor() {
    super('McpServerEnded', 'it ended before it answered');
  }
}

/** The server says that the call ended in an error: whether anything happened, nobody can tell. */
export class McpToolError extends McpError {
  constructor() {
    super('McpToolError', 'it answered with an error');
  }
}

export class McpNotStarted extends McpError {
  constructor(why: string) {
    super('McpNotStarted', `it cannot be started: ${why}`);
  }
}

export class McpNoAnswer extends McpError {
  constructor(ms: number) {
    super('McpNoAnswer', `no answer in ${ms} ms`);
  }
}

/** Of a list of tools. */
export class McpListRefused extends McpError {
  constructor(why: string) {
    super('McpListRefused', why);
  }
}

class McpHttpError extends McpError {
  constructor(status: number) {
    super(`Http${status}`, `HTTP ${status}`);
  }
}

/** An error of a call, by a name that says something. */
export const namedError = (error: unknown): unknown =>
  error instanceof SdkHttpError ? new McpHttpError(error.status ?? 0) : error;

/** Why a server cannot be asked, without its words. */
export function reasonOf(error: unknown): string {
  if (error instanceof McpError || error instanceof UserError) return error.message;
  if (error instanceof SdkHttpError) return `HTTP ${error.status}`;
  if (error instanceof ProtocolError) return `it answered with error ${error.code}`;
  if (error instanceof SdkError) return error.code;
  const { code } = ((error as Error | undefined)?.cause ?? {}) as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.name : 'an error';
}
