// What breaks a call to an MCP server. The names reach people (`It ended without saying whether it happened (…)`); messages do not.

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
