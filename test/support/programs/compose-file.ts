// deploy/compose/compose.yaml as docker-compose reads it, and its services' command lines with paths of this machine.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const words = z.array(z.string());
const service = z.object({
  image: z.string(),
  entrypoint: words.default([]),
  command: words.default([]),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: words.default([]),
  volumes: words.default([]),
  tmpfs: words.default([]),
  networks: words.default([]),
  network_mode: z.string().optional(),
  ports: words.default([]),
  profiles: words.default([]),
  depends_on: z.union([words, z.record(z.string(), z.unknown())]).default([]),
  read_only: z.boolean().default(false),
  user: z.string().optional(),
  group_add: words.default([]),
});
const composeFile = z.object({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
  networks: z.record(z.string(), z.object({ internal: z.boolean().default(false) })),
  secrets: z.record(z.string(), z.object({ file: z.string() })),
});

export type ComposeService = z.infer<typeof service>;

/** @param env - the variables of `.env`; an empty one counts as none where the file says so */
export function readComposeFile(path: string, env: Readonly<Record<string, string>>) {
  const interpolate = (text: string) =>
    text.replace(
      /\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}/g,
      (whole, name: string, kind: string, rest: string) => {
        if (whole === '$$') return '$';
        const value = env[name];
        if (value) return value;
        if (kind === '-') return rest;
        throw new Error(`${name} is not set: ${rest}`);
      },
    );
  const withValues = (node: unknown): unknown => {
    if (typeof node === 'string') return interpolate(node);
    if (Array.isArray(node)) return node.map(withValues);
    if (node === null || typeof node !== 'object') return node;
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withValues(value)]));
  };
  return composeFile.parse(withValues(parse(readFileSync(path, 'utf8'), { merge: true })));
}

/** Source and target of each of a service's volumes. */
export function mountsOf({
  volumes,
}: ComposeService): { source: string; target: string; isReadOnly: boolean }[] {
  return volumes.map(volume => {
    const [source = '', target = '', mode] = volume.split(':');
    return { source, target, isReadOnly: mode === 'ro' };
  });
}

/**
 * A service's command and environment, with paths of this machine.
 * @param directory - below it lie the volumes by their names, and `secrets`
 * @throws for a path that is in no volume and no secret of the service
 */
export function serviceCommand(
  service: ComposeService,
  directory: string,
): { command: string[]; env: Record<string, string> } {
  const places = [
    ...mountsOf(service).map(
      ({ source, target }) => [target, join(directory, source.replaceAll('/', '-'))] as const,
    ),
    ...service.secrets.map(name => [`/run/secrets/${name}`, join(directory, 'secrets', name)] as const),
    ...service.tmpfs.map(place => [place.split(':')[0] ?? '', join(directory, 'tmp')] as const),
  ];
  const within = (text: string) => {
    const [, option = '', path] = /^(--[\w-]+=)?(\/.*)$/.exec(text) ?? [];
    if (path === undefined) return text;
    const place = places.find(([target]) => path === target || path.startsWith(`${target}/`));
    if (place === undefined) throw new Error(`${path} is in no volume, and is no secret, of this service`);
    return `${option}${place[1]}${path.slice(place[0].length)}`;
  };
  return {
    command: [...service.entrypoint, ...service.command].map(within),
    env: Object.fromEntries(
      Object.entries(service.environment).map(([name, value]) => [name, within(value)]),
    ),
  };
}
