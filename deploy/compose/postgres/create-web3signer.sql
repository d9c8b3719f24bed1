-- Web3Signer's slashing-protection database, beside the operator's.
create database web3signer;
