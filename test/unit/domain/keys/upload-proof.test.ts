import { describe, expect, it } from 'vitest';
import { computeManifestMac } from '../../../../src/domain/keys/manifest.ts';
import { computeProofMac, type UploadProof } from '../../../../src/domain/keys/upload-proof.ts';

const encryptionKey = new Uint8Array(32).fill(9);
const vault = { chainId: 560048, vault: new Uint8Array(20).fill(1) };
const proof: UploadProof = {
  manifestCounter: 3n,
  manifestMac: new Uint8Array(32).fill(2),
  rowsDigest: new Uint8Array(32).fill(3),
  depositDataRoot: new Uint8Array(32).fill(4),
  documentDigest: new Uint8Array(32).fill(5),
  genesisForkVersion: new Uint8Array(4).fill(6),
};

describe('the MAC of an upload’s proof', () => {
  it('computeProofMac gives another MAC for each other field, key, vault and chain', () => {
    const macs = [
      computeProofMac(encryptionKey, vault, proof),
      computeProofMac(new Uint8Array(32), vault, proof),
      computeProofMac(encryptionKey, { ...vault, chainId: 1 }, proof),
      computeProofMac(encryptionKey, { ...vault, vault: new Uint8Array(20) }, proof),
      computeProofMac(encryptionKey, vault, { ...proof, manifestCounter: 4n }),
      ...(['manifestMac', 'rowsDigest', 'depositDataRoot', 'documentDigest'] as const).map(field =>
        computeProofMac(encryptionKey, vault, { ...proof, [field]: new Uint8Array(32).fill(0x77) }),
      ),
      computeProofMac(encryptionKey, vault, { ...proof, genesisForkVersion: new Uint8Array(4) }),
      // Two that are exchanged.
      computeProofMac(encryptionKey, vault, {
        ...proof,
        rowsDigest: proof.documentDigest,
        documentDigest: proof.rowsDigest,
      }),
      computeManifestMac(encryptionKey, vault, {
        counter: 3n,
        depositDataRoot: proof.depositDataRoot,
        entries: [],
      }),
    ];
    expect(macs.every(mac => mac.length === 32)).toBe(true);
    expect(new Set(macs.map(mac => Buffer.from(mac).toString('hex'))).size).toBe(macs.length);
    expect(computeProofMac(encryptionKey, vault, { ...proof })).toEqual(macs[0]);
  });

  it('computeProofMac refuses a field of another length, which could be read as another field', () => {
    expect(() => computeProofMac(encryptionKey, vault, { ...proof, rowsDigest: new Uint8Array(31) })).toThrow(
      RangeError,
    );
    expect(() =>
      computeProofMac(encryptionKey, vault, { ...proof, genesisForkVersion: new Uint8Array(5) }),
    ).toThrow(RangeError);
  });
});
