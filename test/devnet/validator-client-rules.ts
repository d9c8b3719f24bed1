/** Which client it is: they differ in what their key managers list, take and keep. */
export type ClientKind = 'grandine' | 'lighthouse' | 'lodestar' | 'nimbus' | 'prysm' | 'teku' | 'vero';

/** How the key manager API of a client treats the keys of a remote signer. */
export interface ClientRules {
  /** Which of the files that `setup-validator` writes it reads its keys from; undefined where none of them is its. */
  readonly file: 'validator_definitions.yml' | 'signer_keys.yml' | undefined;
  /** Whether the list of keystores names them, too. */
  readonly isInBothLists: boolean;
  /** Which of them it calls read-only. */
  readonly readOnly: 'all' | 'none' | 'those-of-files';
  /** What becomes of the `url` of a key that is added. */
  readonly url: 'required' | 'optional' | 'ignored';
  /** Whether a key that was added is there after a restart. */
  readonly keepsAdded: boolean;
  /** What DELETE does to a key of its file: it stays, it is gone until the next restart, it is gone for good. */
  readonly fileKeysAre: 'refused' | 'gone-until-restart' | 'gone';
  /** Whether it finds a key to be deleted by its letters: one in upper case is another one. */
  readonly comparesLetters: boolean;
}

/**
 * Each client by what was run or read of it: Prysm 7.1.6 was run, Lighthouse 5.3.0, Teku 26.8.0, Grandine 2.0.0 and Vero 1.4.1 were
 * read, Nimbus and Lodestar in versions of 2024. Prysm and Teku have their keys in a YAML file, Lodestar in `externalSigner.pubkeys`.
 */
export const CLIENT_RULES: Readonly<Record<ClientKind, ClientRules>> = {
  grandine: {
    file: undefined,
    isInBothLists: false,
    readOnly: 'none',
    url: 'required',
    // In memory only, as far as its RemoteKeyManager shows.
    keepsAdded: false,
    fileKeysAre: 'gone-until-restart',
    comparesLetters: false,
  },
  lighthouse: {
    file: 'validator_definitions.yml',
    isInBothLists: false,
    readOnly: 'none',
    url: 'required',
    // Each change is saved to the file.
    keepsAdded: true,
    fileKeysAre: 'gone',
    comparesLetters: false,
  },
  lodestar: {
    file: undefined,
    // Its issue 7213.
    isInBothLists: true,
    readOnly: 'those-of-files',
    url: 'required',
    // Saved, and not loaded where `externalSigner.pubkeys` or `fetch` is set.
    keepsAdded: false,
    fileKeysAre: 'gone-until-restart',
    comparesLetters: false,
  },
  nimbus: {
    file: undefined,
    isInBothLists: false,
    readOnly: 'none',
    url: 'required',
    keepsAdded: true,
    // Its files are folders, one a key, which the key manager removes.
    fileKeysAre: 'gone',
    comparesLetters: false,
  },
  prysm: {
    file: 'signer_keys.yml',
    isInBothLists: false,
    readOnly: 'all',
    url: 'ignored',
    keepsAdded: false,
    fileKeysAre: 'gone-until-restart',
    comparesLetters: true,
  },
  teku: {
    file: 'signer_keys.yml',
    isInBothLists: false,
    readOnly: 'those-of-files',
    url: 'optional',
    // In its data directory, one file a key.
    keepsAdded: true,
    fileKeysAre: 'refused',
    comparesLetters: false,
  },
  vero: {
    file: undefined,
    isInBothLists: false,
    readOnly: 'none',
    url: 'required',
    // In its database.
    keepsAdded: true,
    fileKeysAre: 'gone',
    comparesLetters: false,
  },
};
