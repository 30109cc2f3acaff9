// A blind listening test: plain JavaScript, no dependencies, no network, works from file://.
//
// kit.js says which trials there are, under names that mean nothing; player.js plays their sounds.
// Here is who hears what in which order, what was answered, and the page around it.
"use strict";

const KEYS = "123456789abc"; // of the versions, in order
const WORDS = ["bad", "poor", "fair", "good", "excellent"]; // for each fifth of the scale
const COLUMNS = ["kit", "kind", "listener", "device", "seed", "started", "trial", "item", "slot",
  "stimulus", "score", "plays", "seconds"];

const $ = (id) => document.getElementById(id);
const element = (tag, properties = {}) => Object.assign(document.createElement(tag), properties);
const aria = (node, name, value) => node.setAttribute(`aria-${name}`, value);

// ---- Order and answers --------------------------------------------------------------------------

function seedOf(text) { // FNV-1a, 32 bits
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function randomNumbers(seed) { // mulberry32: a function that returns numbers from 0 to 1
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(list, random) { // Fisher and Yates
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i -= 1) {
    const k = Math.floor(random() * (i + 1));
    [copy[i], copy[k]] = [copy[k], copy[i]];
  }
  return copy;
}

function newSession(kit, listener, device) {
  const seed = seedOf(`${kit.id}\n${listener}`);
  const random = randomNumbers(seed);
  const order = shuffled(kit.trials, random)
    .map((trial) => ({ ...trial, sounds: shuffled(trial.sounds, random) }));
  const started = new Date().toISOString().slice(0, 19) + "Z";
  return { kit: kit.id, kind: kit.kind, listener, device, seed, started, order,
    stage: "instructions", at: 0, answers: {} };
}

function answerTo(session, trial) { // what is known so far; scores, plays: by sound
  session.answers[trial.name] ??= { scores: {}, plays: {}, seconds: 0 };
  return session.answers[trial.name];
}

function toCsv(session) {
  const quoted = (cell) => (/[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const lines = [COLUMNS];
  session.order.forEach((trial, index) => {
    const answer = answerTo(session, trial);
    trial.sounds.forEach((sound, slot) => lines.push([session.kit, session.kind, session.listener,
      session.device, session.seed, session.started, index + 1, trial.name, slot + 1, sound,
      answer.scores[sound], answer.plays[sound] ?? 0, Math.round(answer.seconds)]));
  });
  return lines.map((line) => line.map(quoted).join(",") + "\n").join("");
}

// Kept in the browser, so that closing the page loses nothing.
const store = {
  lastKey: () => `wheesht-listening/${KIT.id}`,
  key: (listener) => `${store.lastKey()}/${listener}`,
  last: () => { try { return localStorage.getItem(store.lastKey()) ?? ""; } catch { return ""; } },
  read: (listener) => {
    try { return JSON.parse(localStorage.getItem(store.key(listener))); } catch { return null; }
  },
  write: (session) => {
    try {
      localStorage.setItem(store.key(session.listener), JSON.stringify(session));
      localStorage.setItem(store.lastKey(), session.listener);
    } catch {
      complain("This browser keeps nothing: please finish the test without closing the page.");
    }
  },
};

// ---- Page ---------------------------------------------------------------------------------------

let session = null;
let player = null;
let trial = null; // the one shown; its practice twin is not part of the session's order
let answer = null; // to that trial
let current = null; // sound that is chosen
let isPractice = false;

function complain(sentence) {
  $("alert").textContent = sentence;
  $("alert").hidden = !sentence;
}

function show(id) {
  document.querySelectorAll("main").forEach((view) => { view.hidden = view.id !== id; });
  document.querySelector(`#${id} h1`).focus();
  window.scrollTo(0, 0);
}

function proceed() { // to where the session is
  store.write(session);
  player?.stop();
  trial = null;
  if (session.stage === "instructions") show("instructions");
  else if (session.stage === "practice") open(KIT.practice, true);
  else if (session.stage === "ready") show("begin-test");
  else if (session.at < session.order.length) open(session.order[session.at], false);
  else finish();
}

function goTo(stage) { session.stage = stage; proceed(); }

async function open(wanted, practice) {
  show("trial");
  isPractice = practice;
  const place = `Recording ${session.at + 1} of ${session.order.length}`;
  $("trial-title").textContent = practice ? "Practice" : place;
  $("progress").value = practice ? 0 : session.at / session.order.length;
  $("sounds").replaceChildren();
  $("preference").hidden = true;
  say("Loading the sounds …");
  try {
    player ??= new Player(newContext(KIT.sampleRate));
    player.load(await decodeTrial(player.context, wanted.name));
    arrived.delete(wanted.name);
  } catch (error) {
    complain(`A sound could not be loaded (${error.message}). Is the folder complete? Your answers `
      + "are kept: reload the page to try again.");
    return;
  }
  complain("");
  trial = wanted;
  answer = practice ? { scores: {}, plays: {}, seconds: 0 } : answerTo(session, wanted);
  buildTrial();
}

function buildTrial() {
  const rows = [];
  if (KIT.kind === "mushra") {
    rows.push(soundRow(trial.reference, "Reference", "0", "reference"), scaleRow());
    trial.sounds.forEach((sound, i) => rows.push(ratedRow(sound, KEYS[i])));
  } else {
    trial.sounds.forEach((sound, i) => {
      rows.push(soundRow(sound, `Version ${KEYS[i]}`, KEYS[i], "pair"));
    });
    $("preference").hidden = false;
    $("preference").querySelectorAll("input").forEach((input) => {
      input.checked = choiceOf(answer) === input.value;
    });
  }
  $("sounds").replaceChildren(...rows);
  $("position").max = player.duration;
  const isLast = !isPractice && session.at === session.order.length - 1;
  $("next").textContent = isLast ? "Finish" : "Next";
  $("question").textContent = KIT.kind === "mushra"
    ? "How good is the quality of each version, compared with the reference?"
    : "Which version would you rather listen to?";
  choose(trial.reference ?? trial.sounds[0], false);
  refresh();
}

function soundRow(sound, label, key, kind) {
  const row = element("div", { className: `row ${kind}` });
  row.dataset.sound = sound;
  const button = element("button", { textContent: label, title: `Listen (key ${key})` });
  aria(button, "keyshortcuts", key);
  if (kind === "rated") aria(button, "label", `Listen to version ${label}`);
  button.addEventListener("click", () => choose(sound, true));
  row.append(button);
  return row;
}

function ratedRow(sound, label) {
  const row = soundRow(sound, label, label, "rated");
  const slider = element("input", { type: "range", min: 0, max: 100, step: 1,
    value: answer.scores[sound] ?? 50 });
  aria(slider, "label", `Quality of version ${label}`);
  // "change" and "pointerup" too: whoever wants to give 50 moves nothing.
  for (const event of ["input", "change", "pointerup"]) {
    slider.addEventListener(event, () => rate(sound, Number(slider.value)));
  }
  row.append(slider, element("span", { className: "value" }));
  return row;
}

function scaleRow() {
  const scale = element("div", { className: "scale" });
  aria(scale, "hidden", true);
  const words = element("div");
  words.append(...WORDS.map((word) => element("span", { textContent: word })));
  scale.append(words);
  return scale;
}

const rowOf = (sound) => document.querySelector(`.row[data-sound="${sound}"]`);
const wordOf = (score) => WORDS[Math.min(4, Math.floor(score / 20))];

function choose(sound, isHeard) {
  current = sound;
  player.choose(sound);
  if (isHeard) {
    play();
    const slider = rowOf(sound).querySelector("input"); // for the arrows
    (slider ?? $("trial-title")).focus({ preventScroll: true });
  }
  refresh();
}

function play() {
  player.context.resume();
  player.play();
  heard();
}

function heard() {
  if (player.playing && current !== trial.reference) {
    answer.plays[current] = (answer.plays[current] ?? 0) + 1;
    if (!isPractice) store.write(session);
  }
}

function toggle() {
  if (player.playing) player.stop(); else play();
  refresh();
}

function rate(sound, score) {
  answer.scores[sound] = Math.min(100, Math.max(0, Math.round(score)));
  rowOf(sound).querySelector("input").value = answer.scores[sound];
  if (!isPractice) store.write(session);
  refresh();
}

const CHOICES = { first: [1, 0], neither: [0.5, 0.5], second: [0, 1] };

function choiceOf({ scores }) {
  const [first] = trial.sounds;
  return Object.keys(CHOICES).find((choice) => CHOICES[choice][0] === scores[first]);
}

function prefer(choice) {
  trial.sounds.forEach((sound, i) => { answer.scores[sound] = CHOICES[choice][i]; });
  $("preference").querySelector(`[value="${choice}"]`).checked = true;
  if (!isPractice) store.write(session);
  refresh();
}

function missing() { // what is still to be done, as a sentence
  const named = (sounds) => sounds.map((sound) => KEYS[trial.sounds.indexOf(sound)]).join(", ");
  const unheard = trial.sounds.filter((sound) => !answer.plays[sound]);
  const unrated = trial.sounds.filter((sound) => answer.scores[sound] === undefined);
  const parts = [];
  if (unheard.length) parts.push(`listen to ${named(unheard)}`);
  if (unrated.length && KIT.kind === "ab") parts.push("say which you prefer");
  else if (unrated.length) parts.push(`rate ${named(unrated)}`);
  return parts.length ? `Still to do: ${parts.join("; ")}.` : "";
}

function say(sentence, isUrgent = false) {
  if ($("status").textContent !== sentence) $("status").textContent = sentence; // said once
  $("status").classList.toggle("urgent", isUrgent);
}

function refresh() { // whatever shows the state
  $("play").textContent = player.playing ? "Pause" : "Play";
  document.querySelectorAll(".row").forEach((row) => {
    const { sound } = row.dataset;
    const score = answer.scores[sound];
    row.classList.toggle("playing", sound === current);
    aria(row.querySelector("button"), "pressed", sound === current);
    const slider = row.querySelector("input");
    if (!slider) return;
    row.classList.toggle("unrated", score === undefined);
    const word = score === undefined ? "not rated" : wordOf(score);
    aria(slider, "valuetext", `${score ?? ""} ${word}`.trim());
    row.querySelector(".value").replaceChildren(score ?? "", " ",
      element("small", { textContent: word }));
  });
  const sentence = isPractice
    ? "Try the buttons and keys, and set the volume. Nothing is kept here." : missing();
  aria($("next"), "disabled", !isPractice && sentence !== "");
  say(sentence);
}

function next() {
  if (isPractice) { goTo("ready"); return; }
  const sentence = missing();
  if (sentence) { say(sentence, true); return; }
  session.at += 1;
  proceed();
}

function finish() {
  show("done");
  $("text").value = toCsv(session);
}

function tick() { // ten times a second
  if (!trial) return;
  player.softenSeams();
  if (!document.hidden) answer.seconds += 0.1;
  $("position").value = player.position();
  const [now, end, from, to] = [player.position(), player.duration, player.from, player.to]
    .map((seconds) => seconds.toFixed(1));
  const part = player.to - player.from < player.duration ? ` (${from}–${to})` : "";
  $("time").textContent = `${now} of ${end} s${part}`;
}

// ---- Keys ---------------------------------------------------------------------------------------

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10,
  Home: -100, End: 100 };
const PREFERENCES = { ArrowLeft: "first", ArrowRight: "second", ArrowDown: "neither",
  ArrowUp: "neither" };
const LOOPS = {
  "[": () => player.loop(player.position(), player.to),
  "]": () => player.loop(player.from, player.position()),
  "\\": () => player.loop(0, player.duration),
};

function onKey(event) {
  if (!trial || event.ctrlKey || event.altKey || event.metaKey) return;
  const { key, target } = event;
  // A button of its own purpose keeps Enter and space; so does whatever else can be opened.
  const isPlain = target.matches("[data-plain], summary");
  const sound = key === "0" ? trial.reference : trial.sounds[KEYS.indexOf(key)];
  if (event.repeat && (key === " " || key === "Enter")) ; // a key held down is one press
  else if (key === " " && !isPlain) toggle();
  else if (key === "Enter" && !isPlain && target.tagName !== "BUTTON") next();
  else if (sound && key.length === 1) choose(sound, true);
  else if (LOOPS[key]) LOOPS[key]();
  else if (target === $("position")) return; // its own arrows
  else if (KIT.kind === "mushra" && STEPS[key] && sliderSound(target)) {
    const step = STEPS[key] * (event.shiftKey && Math.abs(STEPS[key]) === 1 ? 10 : 1);
    rate(sliderSound(target), (answer.scores[sliderSound(target)] ?? 50) + step);
  } else if (KIT.kind === "ab" && PREFERENCES[key]) prefer(PREFERENCES[key]);
  else return;
  event.preventDefault();
}

function sliderSound(target) { // whose slider the arrows move
  const focused = target.closest(".row")?.dataset.sound ?? current;
  return focused === trial.reference ? null : focused;
}

function listKeys() {
  const last = KIT.kind === "ab" ? 2 : KIT.trials[0].sounds.length;
  const entries = [
    [["space"], "play, pause"],
    [[...KEYS.slice(0, last)], "listen to that version"],
    ...(KIT.kind === "ab"
      ? [[["←", "→", "↓"], "prefer 1, prefer 2, neither"]]
      : [[["0"], "listen to the reference"],
        [["←", "→"], "lower or raise the rating by 1; with shift, or page up and down, by 10"],
        [["home", "end"], "rate 0, rate 100"]]),
    [["[", "]", "\\"], "repeat from here, up to here, everything"],
    [["enter"], "next page"],
  ];
  for (const place of document.querySelectorAll(".keys")) {
    const table = element("table");
    for (const [keys, meaning] of entries) {
      const row = table.insertRow();
      const cell = row.insertCell();
      keys.forEach((key) => cell.append(element("kbd", { textContent: key }), " "));
      row.insertCell().textContent = meaning;
    }
    place.replaceChildren(table);
  }
}

// ---- Start --------------------------------------------------------------------------------------

function begin(event) {
  event.preventDefault();
  const listener = $("listener").value.trim().replace(/\s+/g, " ").normalize();
  if (!/^[\p{L}\p{N}][^\p{C}]*$/u.test(listener)) {
    complain("Please enter a name or number that begins with a letter or digit.");
    return;
  }
  complain("");
  const { device } = Object.fromEntries(new FormData($("who")));
  const kept = store.read(listener);
  session = kept?.order ? kept : newSession(KIT, listener, device);
  player ??= new Player(newContext(KIT.sampleRate)); // now, since a click allows it to sound
  player.context.resume();
  proceed();
}

function offerToContinue() {
  const known = store.read($("listener").value.trim());
  $("begin").textContent = known ? "Continue" : "Begin";
  if (known) $("who").elements.device.value = known.device;
}

function save() {
  const name = session.listener.replace(/[^\p{L}\p{N}]+/gu, "-");
  const link = element("a", { download: `wheesht-${KIT.id}-${name}.csv`,
    href: URL.createObjectURL(new Blob([toCsv(session)], { type: "text/csv" })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function copy() {
  $("text").select();
  const isCopied = document.execCommand("copy"); // the newer way is not allowed from file://
  $("copied").textContent = isCopied ? "Copied." : "Please copy it by hand.";
}

function main() {
  const plural = KIT.trials.length === 1 ? "" : "s";
  $("how-many").textContent = `${KIT.trials.length} short recording${plural}`;
  $("how-long").textContent = `${KIT.minutes} minute${KIT.minutes === 1 ? "" : "s"}`;
  document.querySelectorAll(".for-mushra, .for-ab").forEach((part) => {
    part.hidden = !part.classList.contains(`for-${KIT.kind}`);
  });
  listKeys();
  const clicks = { play: toggle, next, save, copy, practise: () => goTo("practice"),
    "practise-again": () => goTo("practice"), "begin-trials": () => goTo("test"),
    "loop-from": LOOPS["["], "loop-to": LOOPS["]"], "loop-all": LOOPS["\\"] };
  for (const [id, action] of Object.entries(clicks)) $(id).addEventListener("click", action);
  $("who").addEventListener("submit", begin);
  $("listener").addEventListener("input", offerToContinue);
  $("position").addEventListener("input", () => player.seek(Number($("position").value)));
  $("preference").addEventListener("change", (event) => prefer(event.target.value));
  document.addEventListener("keydown", onKey);
  document.addEventListener("keyup", (event) => { // else a button that has the focus is pressed too
    if (trial && event.key === " " && event.target.closest(".row")) event.preventDefault();
  });
  addEventListener("pagehide", () => { if (session) store.write(session); });
  setInterval(tick, 100);
  $("listener").value = store.last();
  offerToContinue();
  show("welcome");
}

if (typeof KIT === "undefined") {
  complain("A part of this test is missing (kit.js). Please unpack the whole folder first.");
} else {
  main();
}
