// Moments: a win is celebrated once, as it comes in live; never on a replay, and never again after it was taken back.
import { $, calm, make, state, store } from "./state.js";
import { named, short, t } from "./words.js";

const REST_MS = 6000; // between two celebrations, so that a good day does not become a nuisance
const celebrated = new Set();
let last = -Infinity;
let waiting = [];
let timer = 0;
let audio = null;

export const sound = () => store.get("sound") === "on";

export function toggleSound() {
  store.set("sound", sound() ? "off" : "on");
  if (sound()) chime();
}

const winsOf = (frame) => frame.tiles.filter((tile) => tile.kind === "wins").flatMap((tile) => tile.wins);

// What is new between two live frames of one board. A win that was corrected away only leaves the list.
export function moments(before, after) {
  if (!before?.live || !after.live) return;
  const known = before.cut.position;
  const fresh = winsOf(after).filter((win) => win.large && win.position > known && !celebrated.has(win.deal));
  fresh.forEach((win) => celebrated.add(win.deal));
  if (celebrated.size > 5000) celebrated.clear();
  if (!fresh.length) return;
  waiting.push(...fresh);
  clearTimeout(timer);
  timer = setTimeout(celebrate, Math.max(0, last + REST_MS - performance.now()));
}

// Nothing that waits is celebrated on another board, or on a replay.
export function forget() {
  clearTimeout(timer);
  waiting = [];
}

function celebrate() {
  if (!waiting.length || !state.frame?.live || document.hidden) return forget();
  last = performance.now();
  const [best] = waiting.sort((one, other) => Number(other.amount) - Number(one.amount));
  const others = waiting.length - 1;
  waiting = [];
  const banner = $("moment-banner");
  const who = best.rep ? named(best.rep) : best.deal;
  banner.replaceChildren(make("span", "medal", "★"), make("b", "", who), ` ${t("won")} `,
    make("strong", "", `${short(Number(best.amount))} ${best.currency}`), ...(others ? [make("small", "", `+${others}`)] : []));
  banner.hidden = false;
  clearTimeout(banner.timer);
  banner.timer = setTimeout(() => { banner.hidden = true; }, 4500);
  if (!calm.matches) confetti();
  if (sound()) chime();
}

function chime() {
  audio ??= new AudioContext();
  [[659, 0], [880, 0.14], [1319, 0.28]].forEach(([pitch, at]) => {
    const [tone, level] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0.12, audio.currentTime + at);
    level.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + at + 0.5);
    tone.connect(level).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.5);
  });
}

function confetti() {
  const canvas = $("confetti");
  const [wide, tall] = [canvas.width = innerWidth, canvas.height = innerHeight];
  const pen = canvas.getContext("2d");
  const colours = ["#ffb703", "#3a86ff", "#06d6a0", "#ef476f", "#8338ec"];
  const bits = [...Array(90)].map((_, number) => ({
    x: wide * (0.3 + 0.4 * Math.random()), y: tall * 0.12, dx: (Math.random() - 0.5) * 11, dy: -Math.random() * 7 - 1,
    size: 4 + Math.random() * 6, turn: Math.random() * 6, colour: colours[number % colours.length],
  }));
  const start = performance.now();
  const step = (at) => {
    pen.clearRect(0, 0, wide, tall);
    const done = (at - start) / 2200;
    if (done >= 1) return;
    pen.globalAlpha = Math.min(1, 2 - 2 * done);
    for (const bit of bits) {
      bit.x += bit.dx;
      bit.y += bit.dy += 0.22;
      bit.dx *= 0.985;
      bit.turn += 0.12;
      pen.fillStyle = bit.colour;
      pen.fillRect(bit.x, bit.y, bit.size, bit.size * Math.abs(Math.sin(bit.turn)));
    }
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}
