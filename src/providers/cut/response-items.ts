/** What a stream of the Responses API has built so far, kept so that whatever is still open can be closed. Pure. */
import { countOf, listOf, recordOf, textOf } from '../values.js';

type Fields = Record<string, unknown>;
/** An event of the Responses API without its sequence number. */
export type ResponseEvent = { readonly type: string } & Fields;

/** Text that is kept of one answer, in characters (I10). */
const TEXT_MAX = 8 * 1024 * 1024;

/** Text that belongs to an item itself: the field that the deltas of these events add to. */
const OF_ITEM: ReadonlyMap<string, string> = new Map([
  ['response.function_call_arguments', 'arguments'],
  ['response.mcp_call_arguments', 'arguments'],
  ['response.custom_tool_call_input', 'input'],
  ['response.code_interpreter_call_code', 'code'],
]);
/** Text that belongs to a part: the list of the item that the part is in, the event's name of its place, and its field. */
const OF_PART: ReadonlyMap<string, readonly [list: string, place: string, field: string]> = new Map([
  ['response.output_text', ['content', 'content_index', 'text']],
  ['response.refusal', ['content', 'content_index', 'refusal']],
  ['response.reasoning_text', ['content', 'content_index', 'text']],
  ['response.reasoning_summary_text', ['summary', 'summary_index', 'text']],
]);
/** The events of parts themselves. */
const PARTS: ReadonlyMap<string, readonly [list: string, place: string]> = new Map([
  ['response.content_part', ['content', 'content_index']],
  ['response.reasoning_summary_part', ['summary', 'summary_index']],
]);
/** How the text of a part is said to be complete, by the part's type. */
const TEXT_OF_TYPE: ReadonlyMap<string, string> = new Map([
  ['output_text', 'response.output_text'],
  ['refusal', 'response.refusal'],
  ['reasoning_text', 'response.reasoning_text'],
  ['summary_text', 'response.reasoning_summary_text'],
]);

/** One output item. `open`: what of it has begun and not ended, by the names of the events that end it. */
interface Item {
  fields: Fields;
  isDone: boolean;
  readonly openTexts: Set<string>;
  readonly openParts: Set<string>;
}

/** The output of one response. */
export class ResponseItems {
  readonly #items = new Map<number, Item>();
  #kept = 0;

  /** Takes an event that names an item. */
  take(event: Fields): void {
    const index = countOf(event['output_index']);
    const type = textOf(event['type']);
    if (index === undefined || type === undefined) return;
    const dot = type.lastIndexOf('.');
    const [noun, verb] = [type.slice(0, dot), type.slice(dot + 1)];
    if (noun === 'response.output_item') this.#item(index, verb, recordOf(event['item']));
    const item = this.#items.get(index);
    if (item === undefined || item.isDone) return;
    if (PARTS.has(noun)) part(item, noun, verb, event);
    else if (OF_PART.has(noun) || OF_ITEM.has(noun)) this.#text(item, noun, verb, event);
    else if (type === 'response.output_text.annotation.added') annotate(item, event);
  }

  #item(index: number, verb: string, fields: Fields | undefined): void {
    if (fields === undefined) return;
    const isDone = verb === 'done';
    this.#items.set(index, {
      fields: structuredClone(fields),
      isDone,
      openTexts: new Set(),
      openParts: new Set(),
    });
  }

  #text(item: Item, noun: string, verb: string, event: Fields): void {
    const place = OF_PART.get(noun);
    const key = `${noun} ${place === undefined ? '' : String(event[place[1]])}`;
    const field = place?.[2] ?? OF_ITEM.get(noun)!;
    const holder = place === undefined ? item.fields : partAt(item, place[0], event[place[1]]);
    if (holder === undefined) return;
    if (verb === 'done') {
      holder[field] = textOf(event[field]) ?? holder[field] ?? '';
      item.openTexts.delete(key);
    } else if (verb === 'delta' && typeof event['delta'] === 'string' && this.#kept < TEXT_MAX) {
      this.#kept += event['delta'].length;
      holder[field] = `${textOf(holder[field]) ?? ''}${event['delta']}`;
      item.openTexts.add(key);
    }
  }

  /** The events that close what is open, in the order of the items. */
  closing(): ResponseEvent[] {
    const events: ResponseEvent[] = [];
    for (const [index, item] of this.#inOrder()) {
      if (item.isDone) continue;
      events.push(...closingOf(index, item));
      item.isDone = true;
    }
    return events;
  }

  /** All items, as the response lists them. */
  output(): Fields[] {
    return this.#inOrder().map(([, { fields }]) => fields);
  }

  #inOrder(): [number, Item][] {
    return [...this.#items].sort(([one], [other]) => one - other);
  }
}

function part(item: Item, noun: string, verb: string, event: Fields): void {
  const [list, place] = PARTS.get(noun)!;
  const fields = recordOf(event['part']);
  const at = countOf(event[place]);
  if (fields === undefined || at === undefined) return;
  const parts = [...listOf(item.fields[list])];
  // A place far behind the others is no place.
  if (at > parts.length) return;
  parts[at] = structuredClone(fields);
  item.fields[list] = parts;
  const key = `${noun} ${at}`;
  if (verb === 'added') item.openParts.add(key);
  else item.openParts.delete(key);
  const text = TEXT_OF_TYPE.get(textOf(fields['type']) ?? '');
  if (text === undefined) return;
  if (verb === 'added') item.openTexts.add(`${text} ${at}`);
  else item.openTexts.delete(`${text} ${at}`);
}

function annotate(item: Item, event: Fields): void {
  const found = partAt(item, 'content', event['content_index']);
  if (found !== undefined) found['annotations'] = [...listOf(found['annotations']), event['annotation']];
}

function partAt(item: Item, list: string, place: unknown): Fields | undefined {
  return recordOf(listOf(item.fields[list])[countOf(place) ?? -1]);
}

/** Texts, then the parts that they are in, then the item. */
function closingOf(index: number, item: Item): ResponseEvent[] {
  const named = { item_id: item.fields['id'], output_index: index };
  const events: ResponseEvent[] = [];
  for (const key of item.openTexts) events.push(closingText(item, key, named));
  for (const key of item.openParts) {
    const [noun = '', at] = key.split(' ');
    const [list, place] = PARTS.get(noun)!;
    events.push({ type: `${noun}.done`, ...named, [place]: Number(at), part: partAt(item, list, Number(at)) });
  }
  if ('status' in item.fields) item.fields['status'] = 'incomplete';
  events.push({ type: 'response.output_item.done', output_index: index, item: item.fields });
  return events;
}

function closingText(item: Item, key: string, named: Fields): ResponseEvent {
  const [noun = '', at] = key.split(' ');
  const place = OF_PART.get(noun);
  if (place === undefined) {
    const field = OF_ITEM.get(noun)!;
    return { type: `${noun}.done`, ...named, [field]: item.fields[field] ?? '' };
  }
  const [list, name, field] = place;
  const text = partAt(item, list, Number(at))?.[field] ?? '';
  const logprobs = noun === 'response.output_text' ? { logprobs: [] } : {};
  return { type: `${noun}.done`, ...named, [name]: Number(at), [field]: text, ...logprobs };
}
