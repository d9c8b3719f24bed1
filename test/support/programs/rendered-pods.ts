// The pods of rendered manifests of Kubernetes, and their containers' command lines as a kubelet makes them: with environment,
// mounted volumes and the pod's ordinal.
import { mkdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { mountSecret } from '../scenes/secret-volume.ts';

const POD_INDEX = "metadata.labels['apps.kubernetes.io/pod-index']";

const secretKey = z.object({ name: z.string(), key: z.string() });
const container = z.object({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()).default([]),
  args: z.array(z.string()).default([]),
  env: z
    .array(
      z.object({
        name: z.string(),
        value: z.string().optional(),
        valueFrom: z
          .object({
            secretKeyRef: secretKey.optional(),
            fieldRef: z.object({ fieldPath: z.literal(POD_INDEX) }).optional(),
          })
          .optional(),
      }),
    )
    .default([]),
  volumeMounts: z.array(
    z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }),
  ),
  securityContext: z.object({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
  readinessProbe: z.unknown().optional(),
});
const podSpec = z.object({
  automountServiceAccountToken: z.literal(false),
  securityContext: z.object({
    runAsNonRoot: z.literal(true),
    runAsUser: z.number().min(1),
    runAsGroup: z.number(),
    fsGroup: z.number(),
    seccompProfile: z.object({ type: z.literal('RuntimeDefault') }),
  }),
  initContainers: z.array(container).default([]),
  containers: z.array(container),
  volumes: z.array(
    z.object({
      name: z.string(),
      emptyDir: z.object({ medium: z.string().optional() }).optional(),
      secret: z
        .object({
          secretName: z.string(),
          defaultMode: z.literal(0o440),
          items: z.array(z.object({ key: z.string(), path: z.string() })),
        })
        .optional(),
    }),
  ),
});
const workload = z.object({
  kind: z.enum(['Deployment', 'StatefulSet', 'Job']),
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.number().default(1),
    ordinals: z.object({ start: z.number() }).default({ start: 0 }),
    template: z.object({ spec: podSpec }),
    volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })).default([]),
  }),
});

export type Container = z.infer<typeof container>;
export type Workload = z.infer<typeof workload>;

/** The documents of a file with rendered manifests. */
export function readManifests(path: string): Record<string, unknown>[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).map(document => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    return document.toJS() as Record<string, unknown>;
  });
}

/** The workloads among manifests, which must have the security contexts that every pod of the chart has. */
export function workloadsOf(manifests: readonly Record<string, unknown>[]): Workload[] {
  return manifests
    .filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(String(kind)))
    .map(manifest => workload.parse(manifest));
}

/** A pod whose volumes have been mounted below a directory. */
export interface MountedPod {
  readonly workload: Workload;
  readonly ordinal: number;
  /** Where a volume of the pod is. */
  volume(name: string): string;
  /** A container's command, its arguments and environment, with paths of this machine. */
  commandLine(container: Container): CommandLine;
  /** The same with the container's own paths. */
  rendered(container: Container): CommandLine;
}

interface CommandLine {
  readonly command: string[];
  readonly env: Record<string, string>;
}

export type Secrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Makes the volumes of one pod, as a kubelet does.
 * @param ordinal - which of the workload's pods
 * @throws where a secret or a key of it is missing: the pod would not start
 */
export function mountPod(
  workload: Workload,
  {
    directory,
    ordinal,
    secrets,
  }: { readonly directory: string; readonly ordinal: number; readonly secrets: Secrets },
): MountedPod {
  const { template, volumeClaimTemplates } = workload.spec;
  const root = join(directory, `${workload.metadata.name}-${ordinal}`);
  const secretValue = (secretName: string, key: string) => {
    const value = secrets[secretName]?.[key];
    if (value === undefined) throw new Error(`there is no key ${key} in a secret ${secretName}`);
    return value;
  };
  for (const { name, secret } of template.spec.volumes) {
    mkdirSync(join(root, name), { recursive: true });
    if (secret !== undefined) {
      const files = secret.items.map(({ key, path }) => [path, secretValue(secret.secretName, key)] as const);
      mountSecret(join(root, name), Object.fromEntries(files));
    }
  }
  for (const { metadata } of volumeClaimTemplates) mkdirSync(join(root, metadata.name), { recursive: true });

  const volume = (name: string) => join(root, name);
  const commandLine = (container: Container, within: (text: string) => string): CommandLine => {
    const env = Object.fromEntries(
      container.env.map(({ name, value, valueFrom }) => {
        if (valueFrom?.fieldRef !== undefined) return [name, String(ordinal)] as const;
        const ref = valueFrom?.secretKeyRef;
        return [name, ref === undefined ? within(value ?? '') : secretValue(ref.name, ref.key)] as const;
      }),
    );
    const expand = (text: string) =>
      text.replace(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole);
    return { command: [...container.command, ...container.args].map(expand).map(within), env };
  };
  return {
    workload,
    ordinal,
    volume,
    commandLine: container => commandLine(container, text => translatePaths(text, container, volume)),
    rendered: container => commandLine(container, text => text),
  };
}

/** Paths of a text in the place of those of the container; all of them must be in a volume. */
function translatePaths(text: string, container: Container, volume: (name: string) => string): string {
  const [option, path] = /^(--[\w-]+=)?(\/.*)$/.exec(text)?.slice(1) ?? [];
  if (path === undefined || !isAbsolute(path) || path.startsWith('/dev/')) return text;
  const mount = container.volumeMounts.find(
    ({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`),
  );
  if (mount === undefined) throw new Error(`${container.name}: ${path} is in none of its volumes`);
  return `${option ?? ''}${join(volume(mount.name), path.slice(mount.mountPath.length))}`;
}
