import cassandra from 'cassandra-driver';
import { messageOf, UnavailableError } from './errors.ts';

const { responseErrorCodes } = cassandra.types;

/** What a node says of a keyspace, a table or a column that does not exist, in the words of the versions from 3 on. */
const MISSING = /does not exist|unconfigured|undefined column|unrecognized name/i;

/** What a node says of a statement that it cannot carry out, or not even read. */
const INVALID: number = responseErrorCodes.invalid;
const SYNTAX_ERROR: number = responseErrorCodes.syntaxError;

/** What a node says before it carries out a statement that may be of other tables than there are by now. */
const REFUSED: ReadonlySet<number> = new Set([INVALID, SYNTAX_ERROR, responseErrorCodes.unprepared]);

/** What a node says when it, or too many of the others, cannot answer at the moment. */
const TRANSIENT: ReadonlySet<number> = new Set([
  responseErrorCodes.unavailableException,
  responseErrorCodes.overloaded,
  responseErrorCodes.isBootstrapping,
  responseErrorCodes.readTimeout,
  responseErrorCodes.readFailure,
]);

/**
 * Whether what was prepared earlier may be the reason: the keyspace, a table or a column may have been dropped since,
 * or made anew, and what a node says then differs by version.
 */
export function isOutdated(error: unknown): boolean {
  return (
    error instanceof cassandra.errors.DriverInternalError ||
    (error instanceof cassandra.errors.ResponseError && !TRANSIENT.has(error.code)) ||
    // Of a node that cannot prepare a statement again, the driver says that it is not available.
    (error instanceof cassandra.errors.NoHostAvailableError && innerErrors(error).some(isOutdated))
  );
}

/** Whether a node has not even begun to carry out a statement, so that a change can be repeated without a doubt. */
export function isRefused(error: unknown): boolean {
  return (
    (error instanceof cassandra.errors.ResponseError && REFUSED.has(error.code)) ||
    (error instanceof cassandra.errors.NoHostAvailableError && innerErrors(error).every(isRefused))
  );
}

/** What a client is told of an error that passes, by itself or when somebody has repaired it; null for one of ours. */
export function unavailable(address: string, error: unknown): UnavailableError | null {
  if (error instanceof cassandra.errors.ResponseError) {
    if (error.code === SYNTAX_ERROR) {
      return null;
    }
    if (error.code === INVALID && MISSING.test(error.message)) {
      const advice = 'start freshet-cassandra-writer, it creates what is missing';
      return new UnavailableError(`${address} has no windows yet (${error.message}): ${advice}`);
    }
    return new UnavailableError(`${address}: ${error.message}`);
  }
  const lost =
    error instanceof cassandra.errors.NoHostAvailableError ||
    error instanceof cassandra.errors.OperationTimedOutError ||
    error instanceof cassandra.errors.BusyConnectionError;
  return lost ? new UnavailableError(`${address} does not answer: ${describe(error)}`) : null;
}

/** The driver's message says only that all hosts failed; what each of them said is more helpful. */
export function describe(error: unknown): string {
  const inner = error instanceof cassandra.errors.NoHostAvailableError ? innerErrors(error) : [];
  const messages = new Set(inner.map(messageOf));
  return messages.size > 0 ? [...messages].join('; ') : messageOf(error);
}

/** What each node said that was asked. */
function innerErrors(error: cassandra.errors.NoHostAvailableError): unknown[] {
  return Object.values<unknown>(error.innerErrors as Record<string, unknown>);
}
