import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const CONTRACTS = new URL('./contracts/', import.meta.url);
const CACHE = new URL('../../node_modules/.cache/devnet/', import.meta.url);

const artifactSchema = z.object({
  abi: z.array(z.record(z.string(), z.unknown())),
  evm: z.object({ bytecode: z.object({ object: z.string().regex(/^[0-9a-f]*$/) }) }),
});
const outputSchema = z.object({
  errors: z.array(z.object({ severity: z.string(), formattedMessage: z.string() })).optional(),
  contracts: z.record(z.string(), z.record(z.string(), artifactSchema)).optional(),
});
const artifactsSchema = z.record(
  z.string(),
  z.object({ abi: artifactSchema.shape.abi, bytecode: z.string() }),
);

/** ABI and creation code (0x hex) of every contract of the devnet, by contract name. */
export type Artifacts = z.infer<typeof artifactsSchema>;

/**
 * Compiles the devnet's contracts with npm's solc, or takes the result of an earlier compilation of the same sources by
 * the same compiler.
 */
export async function compileContracts(): Promise<Artifacts> {
  const input = await readInput();
  const compilerVersion = z
    .object({ version: z.string() })
    .parse(createRequire(import.meta.url)('solc/package.json')).version;
  const name = createHash('sha256').update(compilerVersion).update(input).digest('hex').slice(0, 32);
  const cached = new URL(`${name}.json`, CACHE);
  try {
    return artifactsSchema.parse(JSON.parse(await readFile(cached, 'utf8')));
  } catch {
    const artifacts = await compile(input);
    await mkdir(CACHE, { recursive: true });
    const draft = `${fileURLToPath(cached)}.${process.pid}`;
    await writeFile(draft, JSON.stringify(artifacts));
    await rename(draft, cached);
    return artifacts;
  }
}

async function readInput(): Promise<string> {
  const names = (await readdir(CONTRACTS)).filter(name => name.endsWith('.sol')).sort();
  const sources: Record<string, { content: string }> = {};
  for (const name of names) sources[name] = { content: await readFile(new URL(name, CONTRACTS), 'utf8') };
  return JSON.stringify({
    language: 'Solidity',
    sources,
    settings: {
      evmVersion: 'cancun',
      viaIR: false,
      optimizer: { enabled: true, runs: 200 },
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
    },
  });
}

async function compile(input: string): Promise<Artifacts> {
  const { default: solc } = await import('solc');
  const output = outputSchema.parse(JSON.parse(solc.compile(input)));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(error => error.formattedMessage).join('\n'));
  const artifacts: Artifacts = {};
  for (const contracts of Object.values(output.contracts ?? {})) {
    for (const [name, { abi, evm }] of Object.entries(contracts)) {
      artifacts[name] = { abi, bytecode: `0x${evm.bytecode.object}` };
    }
  }
  return artifacts;
}
