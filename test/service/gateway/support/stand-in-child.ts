/** The stand-in in a process of its own: prints its origins as one line of JSON, and ends with its standard input. */
import { startStandInUpstream } from './stand-in-upstream.js';

const standIn = await startStandInUpstream();
const { ollama, openai, anthropic } = standIn;
process.stdout.write(`${JSON.stringify({ ollama, openai, anthropic })}\n`);
process.stdin.resume();
process.stdin.once('end', () => void standIn.close());
