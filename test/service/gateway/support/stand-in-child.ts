/**
 * The stand-in in a process of its own, for whoever forks it: says its origins when it is ready, how many requests it has
 * seen when it is asked, and ends with its parent.
 */
import { startStandInUpstream } from './stand-in-upstream.js';

const standIn = await startStandInUpstream();
const { ollama, openai, anthropic } = standIn;
process.on('message', () => process.send?.({ requests: standIn.seen.length }));
process.on('disconnect', () => void standIn.close());
process.send?.({ ollama, openai, anthropic });
