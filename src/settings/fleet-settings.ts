import type { ProxySettings } from '../clients/proxy-rules.ts';
import type { SignerTls } from '../clients/signer/signer-tls.ts';
import type { EndpointUrl } from '../lib/endpoint-url.ts';
import type { IpfsSettings, JwtSecret } from './node-settings.ts';
import type { DatabaseSettings } from './remote-db-settings.ts';

/** A validator client whose key manager is asked, and the file with its token. */
export interface KeymanagerSettings {
  readonly url: EndpointUrl;
  readonly tokenFile: string;
}

/** Where a fleet is served as one page. */
export interface StatusPageSettings {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Further names by which it may be called; `*` for all. */
  readonly hosts: readonly string[];
  /** Time from one look at the fleet to the next. */
  readonly intervalMs: number;
}

/** The counterparts of a fleet, as far as they were named. */
export interface FleetSettings {
  /** Checksummed. */
  readonly vault: string;
  /** Name or path; undefined where config.json says it. */
  readonly network: string | undefined;
  readonly dataDir: string;
  readonly keystoresDir: string | undefined;
  readonly database: DatabaseSettings | undefined;
  readonly executionEndpoints: readonly EndpointUrl[];
  readonly executionJwt: JwtSecret | undefined;
  readonly consensusEndpoints: readonly EndpointUrl[];
  readonly ipfs: IpfsSettings;
  readonly proxies: ProxySettings;
  readonly signerUrls: readonly EndpointUrl[];
  readonly keymanagers: readonly KeymanagerSettings[];
  readonly operatorUrls: readonly EndpointUrl[];
  readonly tls: SignerTls | undefined;
  /** Keystore of the hot wallet, whose address alone is read; undefined for the one beside the vault's keys. */
  readonly walletFile: string | undefined;
  /** What each counterpart has. */
  readonly limitMs: number;
  readonly verbose: boolean;
}
