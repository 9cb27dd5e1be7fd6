// The live stream: whole frames and changes, read by fetch; opened again by itself after a loss, a restart or sleep.
import { get } from "./state.js";

const SILENCE_MS = 40000; // the server says something every 15 seconds: after so long the line is dead
let control = null;

export function stop() {
  control?.abort();
  control = null;
}

// Calls back with each frame, and with null when the connection is lost; gives up only where a key is refused.
export async function listen(path, taken, refused) {
  stop();
  const mine = (control = new AbortController());
  for (let pause = 300; !mine.signal.aborted; pause = Math.min(pause * 2, 10000)) {
    const line = new AbortController();
    const end = () => line.abort();
    mine.signal.addEventListener("abort", end);
    let silence = setTimeout(end, SILENCE_MS);
    try {
      const answer = await get(path, { signal: line.signal });
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let frame = null;
      for (let rest = "", chunk; !(chunk = await reader.read()).done; ) {
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE_MS);
        const parts = (rest + chunk.value).split("\n\n");
        rest = parts.pop();
        const changed = new Set();
        for (const part of parts) frame = merged(frame, part, changed);
        if (frame && changed.size && !mine.signal.aborted) taken(frame, changed);
        pause = 300;
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error.status === 401 || error.status === 403) return refused(error);
    } finally {
      clearTimeout(silence);
      mine.signal.removeEventListener("abort", end);
    }
    if (mine.signal.aborted) return;
    taken(null);
    await new Promise((done) => setTimeout(done, pause));
  }
}

// A frame with what one server-sent event says of it.
function merged(frame, part, changed) {
  const kind = /^event: (\w+)$/m.exec(part)?.[1];
  if (!kind) return frame;
  const told = JSON.parse(part.slice(part.indexOf("\ndata: ") + 7));
  const tiles = kind === "frame" ? [] : [...(frame?.tiles ?? [])];
  for (const [place, tile] of Object.entries(told.tiles)) {
    tiles[place] = tile;
    changed.add(Number(place));
  }
  changed.add("head");
  return { ...told, tiles };
}
