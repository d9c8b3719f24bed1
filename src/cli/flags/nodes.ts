import { flag, optional, required } from '../options/option.ts';
import { bytes32, httpUrls } from '../options/value-kinds.ts';

/** `--execution-endpoints`. */
export const executionEndpoints = required({
  description: 'Comma separated list of API endpoints for execution nodes.',
  env: 'EXECUTION_ENDPOINTS',
  value: httpUrls,
  prompt: 'Enter comma separated list of API endpoints for execution nodes',
});

/** `--consensus-endpoints`; the question differs between commands. */
export function consensusEndpoints(prompt: 'Enter comma separated' | 'Enter the comma separated') {
  return required({
    description: 'Comma separated list of API endpoints for consensus nodes.',
    env: 'CONSENSUS_ENDPOINTS',
    value: httpUrls,
    prompt: `${prompt} list of API endpoints for consensus nodes`,
  });
}

/** `--allow-unverified-ipfs`. */
export const allowUnverifiedIpfs = flag({
  description: 'Takes an oracle configuration that no gateway can prove. Not for mainnet.',
});

/** `--oracle-set-hash`. */
export const oracleSetHash = optional({
  description:
    'The only oracle set that is accepted, as 32 bytes of hex; another one is refused. Default is what the execution nodes agree on.',
  env: 'ORACLE_SET_HASH',
  value: bytes32,
});

/** `--verbose`. */
export const verbose = flag({
  description: 'Enable debug mode. Default is false.',
  char: 'v',
  env: 'VERBOSE',
});
