import { memoryObjects } from '../../../src/stores/objects/memory.js';
import { describeObjectStore } from './object-store-contract.js';

describeObjectStore('the store in memory', async () => memoryObjects());
