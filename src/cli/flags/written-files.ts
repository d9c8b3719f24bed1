import { DifferencesError } from '../../lib/errors.ts';
import {
  type FileAttributes,
  type FileOwner,
  PUBLIC_FILE_MODE,
  parseFileMode,
  parseOwner,
  SECRET_FILE_MODE,
} from '../../lib/files.ts';
import { countOf } from '../../lib/plural.ts';
import { optional } from '../options/option.ts';
import { directory } from '../options/value-kinds.ts';
import { checkFlag } from './preview.ts';

/** Mode and owner of written files, and `--check`: common to the commands that write other programs' files. */
export const FILE_OPTIONS = {
  fileMode: optional<number>({
    description:
      'Permissions of written files. Default is 0600 for keys and 0644 for others; directories follow.',
    env: 'REMOTE_DB_FILE_MODE',
    value: { placeholder: 'MODE', parse: parseFileMode },
  }),
  owner: optional<FileOwner>({
    description: 'Numeric owner of written files and directories; the output directory must be no link.',
    env: 'REMOTE_DB_FILE_OWNER',
    value: { placeholder: 'UID[:GID]', parse: parseOwner },
  }),
  check: checkFlag('Writes nothing; exits with 3 when a file would change.'),
} as const;

/** Attributes of files that hold keys, or of others. */
export function fileAttributes(
  options: { readonly fileMode: number | undefined; readonly owner: FileOwner | undefined },
  content: 'keys' | 'public',
): FileAttributes {
  const mode = options.fileMode ?? (content === 'keys' ? SECRET_FILE_MODE : PUBLIC_FILE_MODE);
  return { mode, owner: options.owner };
}

/** `--output-dir`: the variable, else asked for with the working directory as default. */
export function outputDir(prompt: string, description: string) {
  return {
    description,
    env: 'REMOTE_DB_OUTPUT_DIR',
    value: directory({ exists: false }),
    prompt,
    fallback: () => process.cwd(),
  } as const;
}

/**
 * The line on one of the files of a command: "saved" only of what was.
 * @param file.what - what the file is, in the manual's words
 */
export function fileLine(
  file: { readonly what: string; readonly path: string; readonly isChanged: boolean },
  options: { readonly check: boolean },
): string {
  if (!file.isChanged) return `${file.what}: ${file.path} is up to date.`;
  if (options.check) return `${file.what}: ${file.path} would be written.`;
  return `${file.what} saved to ${file.path} file.`;
}

/** The line on keys that files do without, since their validators have exited. */
export function describeRetired(count: number, noun: 'key' | 'validator'): string {
  return `${countOf(count, `retired ${noun}`)} ${count === 1 ? 'is' : 'are'} left out, as "remote-db prune" says.`;
}

/** Ends a command that was given `--check` where files would change. @throws DifferencesError 'files-differ' */
export function assertUnchanged(
  options: { readonly check: boolean },
  isChanged: boolean,
  message: string,
): void {
  if (options.check && isChanged)
    throw new DifferencesError('files-differ', message, {
      hint: 'Run the command without --check or --dry-run.',
    });
}
