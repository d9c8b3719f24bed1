// "node scripts/release/fetch-node.js linux-arm64" prints where Node for a platform lies, after it was fetched.
import { fetchPlatform } from './platforms.js';

console.log(fetchPlatform(process.argv[2]).node);
