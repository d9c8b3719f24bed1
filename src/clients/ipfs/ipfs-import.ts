import { importBytes } from 'ipfs-unixfs-importer';
import { fixedSize } from 'ipfs-unixfs-importer/chunker';
import { balanced } from 'ipfs-unixfs-importer/layout';
import type { CID } from 'multiformats/cid';
import { equalBytes } from '../../lib/bytes.ts';

/** What may be spent on plain bytes of one document, by all gateways together: each import hashes all of them again. */
export interface ImportBudget {
  bytes: number;
  tries: number;
}

/** A way to cut a file into blocks, and to link them. */
interface ImportVariant {
  readonly chunkSize: number;
  readonly maxChildrenPerNode: number;
  readonly rawLeaves: boolean;
  readonly reduceSingleLeafToSelf: boolean;
  readonly cidVersion: 0 | 1;
}

const RAW = 0x55;
const DAG_PB = 0x70;
const KIB = 1024;

/** The budget of one document: 64 MiB for each of four gateways, enough to import mainnet's list of validators once. */
export function openImportBudget(): ImportBudget {
  return { bytes: 256 * KIB * KIB, tries: 48 };
}

/**
 * Whether any of the ways in which IPFS programs cut a file into blocks gives this CID: chunks of 256 KiB or 1 MiB,
 * 174 or 1024 links in a node, leaves raw or wrapped, a single leaf as the root or below one, links of either version.
 * The likely ways come first, and no more are tried than the budget's share of one gateway allows.
 * @param gatewaysLeft - this one included: one that serves anything leaves the others their share
 */
export async function isImportOf(
  document: Uint8Array,
  cid: CID,
  budget: ImportBudget,
  gatewaysLeft: number,
): Promise<boolean> {
  const share = { bytes: budget.bytes / gatewaysLeft, tries: Math.floor(budget.tries / gatewaysLeft) };
  const nowhere = { put: (blockCid: CID) => blockCid };
  for (const variant of importVariants(document.length, cid)) {
    if (share.tries < 1 || share.bytes < document.length) return false;
    for (const account of [share, budget]) {
      account.tries -= 1;
      account.bytes -= document.length;
    }
    const { chunkSize, maxChildrenPerNode, ...form } = variant;
    const options = {
      chunker: fixedSize({ chunkSize }),
      layout: balanced({ maxChildrenPerNode }),
      ...form,
    };
    const root = (await importBytes(document, nowhere, options)).cid;
    if (root.code === cid.code && equalBytes(root.multihash.bytes, cid.multihash.bytes)) return true;
  }
  return false;
}

/** Each way once that gives another root for a file of this size, and a root of the CID's kind: those of its version first. */
export function importVariants(size: number, cid: Pick<CID, 'code' | 'version'>): ImportVariant[] {
  const variants = new Map<string, ImportVariant>();
  const rawFirst = cid.version === 1;
  const versions = cid.version === 1 ? ([1, 0] as const) : ([0, 1] as const);
  for (const chunkSize of [256 * KIB, 1024 * KIB]) {
    for (const maxChildrenPerNode of [174, 1024]) {
      for (const rawLeaves of [rawFirst, !rawFirst]) {
        for (const cidVersion of versions) {
          for (const reduceSingleLeafToSelf of [true, false]) {
            const form = { rawLeaves, reduceSingleLeafToSelf, cidVersion };
            const variant = { chunkSize, maxChildrenPerNode, ...form };
            if (rootCodeOf(size, variant) !== cid.code) continue;
            const identity = identityOf(size, variant);
            if (!variants.has(identity)) variants.set(identity, variant);
          }
        }
      }
    }
  }
  return [...variants.values()];
}

function rootCodeOf(size: number, { chunkSize, rawLeaves, reduceSingleLeafToSelf }: ImportVariant): number {
  return size <= chunkSize && rawLeaves && reduceSingleLeafToSelf ? RAW : DAG_PB;
}

/** What of a way matters for a file of this size: a single leaf has no chunks, and as the root no links. */
function identityOf(size: number, variant: ImportVariant): string {
  const { chunkSize, maxChildrenPerNode, rawLeaves, reduceSingleLeafToSelf, cidVersion } = variant;
  const leaves = Math.ceil(size / chunkSize);
  if (leaves <= 1) {
    const links = reduceSingleLeafToSelf ? 'none' : cidVersion;
    return `single ${rawLeaves} ${reduceSingleLeafToSelf} ${links}`;
  }
  const children = leaves > maxChildrenPerNode || leaves > 174 ? maxChildrenPerNode : 'any';
  return `${chunkSize} ${children} ${rawLeaves} ${cidVersion}`;
}
