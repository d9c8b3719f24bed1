// A unit of systemd: its settings, and its command line with the specifiers that deploy/systemd uses.
import { readFileSync } from 'node:fs';

export interface SystemdUnit {
  /** The values of a setting of `[Service]`, in the order of the file. */
  all(name: string): string[];
  /** The last value, which counts. */
  one(name: string): string;
}

export function readUnit(path: string): SystemdUnit {
  const lines = readFileSync(path, 'utf8').split('\n');
  const begin = lines.indexOf('[Service]');
  const end = lines.findIndex((line, index) => index > begin && line.startsWith('['));
  const settings = lines
    .slice(begin + 1, end === -1 ? undefined : end)
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, name = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (name === '') throw new Error(`${path}: ${line}`);
      return [name, value] as const;
    });
  const all = (name: string) => settings.filter(([key]) => key === name).map(([, value]) => value);
  return {
    all,
    one: name => {
      const value = all(name).at(-1);
      if (value === undefined) throw new Error(`${path} has no ${name}`);
      return value;
    },
  };
}

/**
 * The command line and the environment that `Environment=` gives.
 * @param specifiers - by their letter: %d, the folder of credentials, and so on
 */
export function commandOfUnit(
  unit: SystemdUnit,
  {
    specifiers,
    env,
  }: {
    readonly specifiers: Readonly<Record<string, string>>;
    readonly env: Readonly<Record<string, string>>;
  },
): { command: string[]; env: Record<string, string> } {
  const expand = (text: string) =>
    text.replace(/%(.)/g, (whole, letter: string) => {
      const value = specifiers[letter];
      if (value === undefined) throw new Error(`${whole} is not known here`);
      return value;
    });
  const own = unit.all('Environment').map(line => {
    const at = line.indexOf('=');
    return [line.slice(0, at), expand(line.slice(at + 1))] as const;
  });
  const variables = { ...env, ...Object.fromEntries(own) };
  const command = unit
    .one('ExecStart')
    .split(' ')
    .map(word => expand(word).replace(/\$\{(\w+)\}/g, (_whole, name: string) => variables[name] ?? ''));
  return { command, env: variables };
}
