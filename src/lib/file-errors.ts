import { messageOf, OperatorError } from './errors.ts';
import { blockingOwner, runAsHint } from './file-owner.ts';

/** The code of an error of `node:fs`, such as ENOENT; empty when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A handler for `catch`: undefined when something does not exist; any other error is thrown again. */
export function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
  return undefined;
}

/** An error of `node:fs` as one that a user can act on; anything already so is passed through. */
export function asFileError(error: unknown, path: string, action: 'read' | 'write'): OperatorError {
  if (error instanceof OperatorError) return error;
  const options = { cause: error };
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return refused(path, action, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return new OperatorError(
        'disk-full',
        `Disk full while writing ${path}; nothing was changed there.`,
        options,
      );
    case 'ENOENT':
      return new OperatorError('file-missing', `${path} does not exist.`, options);
    case 'EEXIST':
      return new OperatorError('file-exists', `${path} exists already and is not overwritten.`, options);
    case 'ENOTDIR':
      return new OperatorError(
        'not-a-directory',
        `${path} is a file or lies below one, expected a directory.`,
        options,
      );
    case 'EISDIR':
      return new OperatorError('is-a-directory', `${path} is a directory, expected a file.`, options);
    default:
      return new OperatorError('file-error', `Cannot ${action} ${path}: ${reasonOf(error)}`, options);
  }
}

/** An error of permissions, which tells whose the files are where they are another user's. */
function refused(path: string, action: 'read' | 'write', cause: unknown): OperatorError {
  const owner = blockingOwner(path, action);
  const whose =
    owner &&
    `It belongs to user ${owner.uid}, this process runs as user ${process.geteuid?.()}. ${runAsHint(owner)}`;
  if (action === 'read')
    return new OperatorError('not-readable', `${path} is not readable for this user.`, {
      cause,
      hint: whose,
    });
  return new OperatorError('not-writable', `${path} is not writable for this user.`, {
    cause,
    hint: whose ?? 'Check the owner and mode of the directory; only root can give files to another owner.',
  });
}

/** What went wrong, without the call and its paths: files are reached by paths that tell a user nothing. */
function reasonOf(error: unknown): string {
  return messageOf(error).replace(/, \w+( '[^']*'( -> '[^']*')?)?$/, '');
}
