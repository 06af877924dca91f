// What breaks a call to an MCP server. The names reach people (`It ended without saying whether it happened (…)`); of messages only
// those of our own: what a server says in an error may repeat what it was sent, tokens too.
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { UserError } from '../../../runtime/errors.ts';
import { neverSent } from '../never-sent.ts';

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

/** An error of a request as one of ours, where it is the library's or the system's. */
export function named(error: unknown, timeoutMs: number): unknown {
  if (error instanceof SdkHttpError) return new McpHttpError(error.status ?? 0);
  if (error instanceof ProtocolError) return new McpToolError();
  if (error instanceof SdkError) {
    const { code } = error;
    if (code === SdkErrorCode.RequestTimeout) return new McpNoAnswer(timeoutMs);
    if (code === SdkErrorCode.ConnectionClosed) return new McpServerEnded();
    if (code === SdkErrorCode.ListPaginationExceeded) return new McpListRefused('its list of tools has no end');
    return new McpProtocolBroken();
  }
  // No JSON, or nested deeper than anybody reads.
  if (error instanceof SyntaxError || error instanceof RangeError) return new McpProtocolBroken();
  if (error instanceof TypeError) return new McpServerEnded();
  return error;
}

/** Why a server cannot be asked, without its words. */
export function reasonOf(error: unknown, timeoutMs: number): string {
  const ours = named(error, timeoutMs);
  const code = neverSent(error);
  if (code !== undefined) return code;
  if (ours instanceof McpError || ours instanceof UserError) return ours.message;
  return ours instanceof Error ? ours.name : 'an error';
}
