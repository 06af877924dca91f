// What a tool may say went wrong. Which of these is thrown decides whether an effect is taken for certain not to have happened.

/**
 * Thrown by a tool's code: certainly nothing happened, and this is why. The call ends as `failed` and is not tried again; the
 * message goes to the model and to people, so it holds no secrets. Anything else that a tool throws means that nobody knows whether
 * its effect happened.
 */
export class ToolFailure extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ToolFailure';
  }
}

/** Arguments that a tool's schema does not take. The message names each field at fault and repeats no value. */
export class ToolArgumentsError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ToolArgumentsError';
  }
}

/** The tool of an outside system has another definition than the one that was pinned. Nothing was done. */
export class ToolChangedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ToolChangedError';
  }
}

/** The effect happened, and there is no result to keep; the message says why and goes to the model and to people. */
export class DoneWithoutResult extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DoneWithoutResult';
  }
}
