import { lstat, mkdir, readlink } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { OperatorError } from './errors.ts';
import { type FileAttributes, type FileOwner, ownedBy } from './file-attributes.ts';
import { asFileError, codeOf, ignoreMissing } from './file-errors.ts';
import { type DirectoryFacts, directorySwapped, HeldDirectory } from './held-directory.ts';

/** How many links one path may have: more are a loop, as for the kernel. */
const MAX_LINKS = 40;

/**
 * The directory of a path, held, or undefined when there is none.
 *
 * Without an owner links are followed as everywhere. With one, files are given away, so the path is walked component by
 * component: the directory itself must be no link, and a link before it is followed only where nobody but root and this
 * process's user could have put it. (Whoever owns a directory above could else have files of root given to himself.)
 * @throws OperatorError 'directory-is-link', 'directory-through-link', 'not-a-directory' and others naming the path
 */
export async function findDirectory(
  path: string,
  { owner }: Pick<Partial<FileAttributes>, 'owner'>,
): Promise<HeldDirectory | undefined> {
  const directory = resolve(path);
  try {
    const found =
      owner === undefined ? await openAsNamed(directory) : (await walk(directory, { owner })).found;
    return found?.named(path);
  } catch (error) {
    throw asFileError(error, path, 'read');
  }
}

/**
 * The directory of a path, held, made with its parents when it is missing. Those made here get mode and owner; one that was
 * there before (a volume mounted as root) also gets the owner, but keeps its mode. What stands where others could have put
 * it, and has another owner, gets one only while it is empty: another directory may have been moved into its place.
 * @param found - what {@link findDirectory} returned for this path
 * @throws OperatorError of {@link findDirectory}; 'directory-of-others'
 */
export async function prepareDirectory(
  path: string,
  attributes: FileAttributes,
  found?: HeldDirectory | undefined,
): Promise<HeldDirectory> {
  const directory = resolve(path);
  const { owner } = attributes;
  try {
    const known = found ?? (owner === undefined ? await openAsNamed(directory) : undefined);
    if (known !== undefined && (owner === undefined || ownedBy(known.facts, owner))) return known.named(path);
    // Also for one that is known: only the walk tells who could have put it there.
    const walked = await walk(directory, { owner, make: attributes });
    const held = walked.found;
    if (held === undefined) throw Object.assign(new Error('missing'), { code: 'ENOENT' });
    try {
      if (known !== undefined && known.facts.identity !== held.facts.identity) throw directorySwapped(path);
      if (owner !== undefined && !walked.isNew) await giveAway(held, { owner }, walked.isOurPlace);
      return held.named(path);
    } catch (error) {
      await held[Symbol.asyncDispose]();
      throw error;
    } finally {
      await known?.[Symbol.asyncDispose]();
    }
  } catch (error) {
    throw asFileError(error, path, 'write');
  }
}

interface Walked {
  readonly found: HeldDirectory | undefined;
  /** Whether it was made by this walk, which gave it its attributes. */
  readonly isNew: boolean;
  /** Whether nobody but root and this process's user could have put it in its place. */
  readonly isOurPlace: boolean;
}

interface WalkOptions {
  readonly owner: FileOwner | undefined;
  /** Attributes of directories to make where they are missing. */
  readonly make?: FileAttributes | undefined;
}

/** Goes from the root to a directory, each component opened below the one before it, which is held. */
async function walk(path: string, options: WalkOptions): Promise<Walked> {
  const pending = path.split(sep).filter(isName).reverse();
  let at = await HeldDirectory.open(sep, { followLink: true });
  let isNew = false;
  let isOurPlace = true;
  let links = 0;
  let foreignLink: string | undefined;
  try {
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const below = await openBelow(at, name);
      if (below === 'link') {
        const link = await readLink(at, name);
        if (++links > MAX_LINKS) throw Object.assign(new Error('too many links'), { code: 'ELOOP' });
        if (pending.length === 0 && options.owner !== undefined) throw isLink(path);
        const isTrusted = isOurPlace && isPutByUs(link, at.facts);
        if (!isTrusted && options.owner !== undefined) throw throughLink(path, join(at.path, name));
        if (!isTrusted) foreignLink ??= join(at.path, name);
        for (const part of link.target.split(sep).filter(isName).reverse()) pending.push(part);
        if (link.target.startsWith(sep))
          at = await replace(at, await HeldDirectory.open(sep, { followLink: true }));
        continue;
      }
      if (below === 'missing' && options.make === undefined) {
        await at[Symbol.asyncDispose]();
        return { found: undefined, isNew: false, isOurPlace };
      }
      if (below === 'missing' && foreignLink !== undefined) throw throughLink(path, foreignLink);
      const made = below === 'missing' && (await makeBelow(at, name));
      const next = below === 'missing' ? await openItself(at, name) : below;
      isNew = made;
      isOurPlace &&= name === '..' || isPutByUs(next.facts, at.facts);
      at = await replace(at, next);
      if (isNew && options.make !== undefined) await giveAway(at, options.make, isOurPlace);
    }
    return { found: at, isNew, isOurPlace };
  } catch (error) {
    await at[Symbol.asyncDispose]();
    throw error;
  }
}

async function openBelow(at: HeldDirectory, name: string): Promise<HeldDirectory | 'link' | 'missing'> {
  try {
    return await openItself(at, name);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'missing';
    if (!['ENOTDIR', 'ELOOP', 'EMLINK'].includes(codeOf(error))) throw error;
    const stats = await at.at(name, entry => lstat(entry)).catch(ignoreMissing);
    if (stats?.isSymbolicLink()) return 'link';
    throw error;
  }
}

async function readLink(at: HeldDirectory, name: string): Promise<{ target: string; uid: number }> {
  const { uid } = await at.at(name, entry => lstat(entry));
  return { target: await at.at(name, entry => readlink(entry)), uid };
}

/** @returns false when another run made it just now, which also gives it its attributes */
async function makeBelow(at: HeldDirectory, name: string): Promise<boolean> {
  try {
    await at.at(name, entry => mkdir(entry, { mode: 0o700 }));
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return false;
  }
}

function openItself(at: HeldDirectory, name: string): Promise<HeldDirectory> {
  const path = join(at.path, name);
  return at.at(name, entry => HeldDirectory.open(path, { at: entry, followLink: false }));
}

/** Gives a directory its attributes, unless it could be one that somebody moved here: an empty one is no loss. */
async function giveAway(
  directory: HeldDirectory,
  attributes: Partial<FileAttributes>,
  isOurPlace: boolean,
): Promise<void> {
  const { owner } = attributes;
  const isTheirs = owner !== undefined && directory.facts.uid === owner.uid;
  if (!isOurPlace && !isTheirs && (await directory.entries()).length > 0) {
    throw new OperatorError(
      'directory-of-others',
      `${directory.path} belongs to uid ${directory.facts.uid}, holds files, and stands where others may have put it: its owner and mode are not changed.`,
      {
        hint: `Give it the owner by hand when it is the right one, or let ${dirname(directory.path)} belong to root and be writable to nobody else.`,
      },
    );
  }
  await directory.setAttributes(attributes);
}

/**
 * Whether nobody but root and this process's user could have put an entry into its directory. In a sticky one, such as
 * /tmp, everybody makes entries of his own but moves no others'.
 */
export function isPutByUs(
  entry: { readonly uid: number },
  parent: Omit<DirectoryFacts, 'identity'>,
): boolean {
  const isOurs = (uid: number) => uid === 0 || uid === process.geteuid?.();
  if (!isOurs(parent.uid)) return false;
  const isOurGroup = parent.gid === 0 || parent.gid === process.getegid?.();
  const isWritable = (parent.mode & 0o002) !== 0 || ((parent.mode & 0o020) !== 0 && !isOurGroup);
  if (!isWritable) return true;
  return (parent.mode & 0o1000) !== 0 && isOurs(entry.uid);
}

/** The directory with its links followed; undefined when nothing is there, which a link that leads nowhere is not. */
async function openAsNamed(path: string): Promise<HeldDirectory | undefined> {
  try {
    return await HeldDirectory.open(path, { followLink: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || (await lstat(path).catch(() => undefined))) throw error;
    return undefined;
  }
}

async function replace(old: HeldDirectory, next: HeldDirectory): Promise<HeldDirectory> {
  await old[Symbol.asyncDispose]();
  return next;
}

function isName(component: string): boolean {
  return component !== '' && component !== '.';
}

function isLink(path: string): OperatorError {
  return new OperatorError(
    'directory-is-link',
    `${path} is a link: files are given to another owner (--owner) only in a directory itself.`,
    { hint: 'Name the directory that the link leads to.' },
  );
}

function throughLink(path: string, link: string): OperatorError {
  return new OperatorError(
    'directory-through-link',
    `${path} leads through the link ${link}, which stands where others may have put it.`,
    {
      hint: 'Name the directory without the link, or let the link stand in a directory that only root writes to.',
    },
  );
}
