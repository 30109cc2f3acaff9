// Sounds: fetched, decoded, and played in step. Plain JavaScript, works from file://.
"use strict";

const FADE = 0.003; // s; time constant of every switch, which is over after five of them
const LEAD = 0.02; // s; sources are started this far ahead, so that all start on one sample
const SHORTEST_LOOP = 0.3; // s

// Plays versions of one recording in step; one is heard. Switching cross-fades without a gap: the
// gains of what goes and what comes add up to one at every moment.
class Player {
  constructor(context, destination = context.destination) {
    this.context = context;
    this.destination = destination;
    this.buffers = new Map();
    this.run = null; // what is playing: sources, gains, and where they began
  }

  load(buffers) { // a Map of names to AudioBuffers of one length
    this.stop();
    this.buffers = buffers;
    this.duration = Math.min(...[...buffers.values()].map((buffer) => buffer.duration));
    this.from = 0;
    this.to = this.duration;
    this.at = 0;
    this.chosen = null;
  }

  get playing() { return this.run !== null; }

  position() { // s
    if (!this.run) return this.at;
    const reached = this.at + Math.max(0, this.context.currentTime - this.run.when);
    return reached < this.to ? reached : this.from + (reached - this.from) % (this.to - this.from);
  }

  play() {
    if (this.run) return;
    if (this.at < this.from || this.at >= this.to) this.at = this.from;
    const when = this.context.currentTime + LEAD;
    const out = this.context.createGain();
    out.gain.setValueAtTime(0, 0);
    out.gain.setTargetAtTime(1, when, FADE);
    out.connect(this.destination);
    this.run = { when, out, sources: [], gains: new Map(), seam: when + this.to - this.at };
    for (const [name, buffer] of this.buffers) {
      const source = new AudioBufferSourceNode(this.context,
        { buffer, loop: true, loopStart: this.from, loopEnd: this.to });
      const gain = new GainNode(this.context, { gain: name === this.chosen ? 1 : 0 });
      source.connect(gain).connect(out);
      source.start(when, this.at);
      this.run.sources.push(source);
      this.run.gains.set(name, gain.gain);
    }
  }

  stop() {
    if (!this.run) return;
    const now = this.context.currentTime;
    const { out, sources } = this.run;
    this.at = this.position();
    this.run = null;
    out.gain.cancelScheduledValues(now);
    out.gain.setTargetAtTime(0, now, FADE);
    sources.forEach((source) => source.stop(now + 10 * FADE));
  }

  choose(name) {
    this.chosen = name;
    if (!this.run) return;
    for (const [other, gain] of this.run.gains) {
      gain.setTargetAtTime(other === name ? 1 : 0, this.context.currentTime, FADE);
    }
  }

  seek(seconds) {
    const wasPlaying = this.playing;
    this.stop();
    this.at = Math.min(Math.max(seconds, 0), this.duration);
    if (wasPlaying) this.play();
  }

  loop(from, to) { // a part that is repeated
    const position = this.position();
    this.from = Math.max(0, Math.min(from, this.duration - SHORTEST_LOOP));
    this.to = Math.min(this.duration, Math.max(to, this.from + SHORTEST_LOOP));
    this.seek(position);
  }

  // Dips at the seams of a repeated part, which may cut through a word; whole recordings end in
  // silence. To be called several times a second.
  softenSeams() {
    if (!this.run || this.to - this.from >= this.duration) return;
    while (this.run.seam < this.context.currentTime + 1) {
      const { out, seam } = this.run;
      if (seam - 5 * FADE > this.context.currentTime) {
        out.gain.setTargetAtTime(0, seam - 5 * FADE, FADE);
        out.gain.setTargetAtTime(1, seam, FADE);
      }
      this.run.seam += this.to - this.from;
    }
  }
}

// audio/NAME.js hands over the sounds of a trial as WAV files in base64: a page that was opened
// from a disk may load scripts, but not fetch files.
const arrived = new Map(); // trial name -> sounds
function receiveAudio(name, sounds) { arrived.set(name, sounds); }

function fetchTrial(name) {
  return new Promise((resolve, reject) => {
    if (arrived.has(name)) { resolve(arrived.get(name)); return; }
    const script = document.createElement("script");
    script.src = `audio/${name}.js`;
    script.onload = () => (arrived.has(name) ? resolve(arrived.get(name)) : script.onerror());
    script.onerror = () => reject(new Error(script.src));
    document.head.append(script);
    script.addEventListener("load", () => script.remove());
  });
}

async function decodeTrial(context, name) {
  const sounds = await fetchTrial(name);
  const decoded = Object.entries(sounds).map(async ([sound, base64]) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return [sound, await context.decodeAudioData(bytes.buffer)];
  });
  return new Map(await Promise.all(decoded));
}

function newContext(sampleRate) {
  // At the rate of the files the browser resamples once, at its output, and well; some would
  // otherwise interpolate each source linearly.
  try { return new AudioContext({ sampleRate }); } catch { return new AudioContext(); }
}
