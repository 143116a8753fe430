// A face of the player: the bar of every page, the card of the Listen view, or the list of chapters.
//   data.form      which one; the bar, which stands in the frame, also brings
//   data.language, data.voices, data.fallbacks, data.text   what the player speaks with
import { address } from '../shared/address.js'
import { fill } from '../shared/words.js'
import { listenToPage, offerSelection } from './keys.js'
import { createMarks } from './marks.js'
import { thePlayer } from './player.js'
import { drawWave } from './wave.js'

const ICONS = {
  play: ['0 0 20 20', 'M6 3.6v12.8c0 .6.7 1 1.2.6l9.3-6.4c.4-.3.4-.9 0-1.2L7.2 3c-.5-.4-1.2 0-1.2.6z'],
  pause: ['0 0 20 20', 'M5.5 3h2a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1h-2a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM12.500 3h2a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1h-2a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z'],
  previous: ['0 0 20 20', 'M4 4h2v12H4zM16 4.600v10.800c0 .5-.5.7-.9.4L7.600 10.400c-.3-.2-.3-.6 0-.8L15.100 4.200c.4-.3.9-.1.9.4z'],
  next: ['0 0 20 20', 'M14 4h2v12h-2zM4 4.600v10.800c0 .5.5.7.9.4l7.500-5.400c.3-.2.3-.6 0-.8L4.900 4.200C4.500 3.900 4 4.100 4 4.600z'],
  back: ['0 0 24 24', 'M5 5v5h5', 'M5.600 10A7.600 7.600 0 1 1 4.500 14'],
  forward: ['0 0 24 24', 'M19 5v5h-5', 'M18.400 10A7.600 7.600 0 1 0 19.500 14'],
  open: ['0 0 20 20', 'M4 4h12', 'M4 8h12', 'M4 12h12', 'M4 16h7'],
  close: ['0 0 20 20', 'm5 5 10 10', 'M15 5 5 15'],
}
const FILLED = ['play', 'pause', 'previous', 'next']
const SPACE = 'http://www.w3.org/2000/svg'
const MINUTES = [5, 15, 30, 60]
const mounted = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let face = mounted.get(parentElement)
  if (!face) mounted.set(parentElement, face = createFace(parentElement.querySelector('.root'), data.form))
  face.update(data, () => setTriggerValue('open', true))
  return () => { face.destroy(); mounted.delete(parentElement) }
}

export const clock = seconds => {
  const whole = Math.max(0, Math.floor(seconds + 1e-6))
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}
function icon(name) {
  const svg = document.createElementNS(SPACE, 'svg'), [box, ...paths] = ICONS[name], filled = FILLED.includes(name)
  const look = filled ? { fill: 'currentColor' } : { fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }
  for (const [key, value] of Object.entries({ viewBox: box, 'aria-hidden': 'true', ...look })) svg.setAttribute(key, value)
  for (const path of paths) svg.appendChild(document.createElementNS(SPACE, 'path')).setAttribute('d', path)
  return svg
}
const write = (node, text) => { if (node && node.textContent !== text) node.textContent = text }
const label = (node, text) => { if (node.getAttribute('aria-label') !== text) node.setAttribute('aria-label', text) }
function options(select, list, value) {
  const now = JSON.stringify(list)
  if (select.dataset.list !== now) {
    select.dataset.list = now
    select.replaceChildren(...list.map(([key, text]) => new Option(text, key)))
  }
  select.value = value
}

function createFace(root, form) {
  const player = thePlayer(), over = new AbortController(), { signal } = over
  const marks = player.marks ??= createMarks(player)
  for (const other of root.querySelectorAll('[data-form]')) if (other.dataset.form !== form) other.remove()
  const part = root.querySelector('[data-form]'), $ = selector => root.querySelector(selector)
  const status = $('[role=status]'), selection = $('.selection'), canvas = $('canvas')
  let open, scrub, title = '', waiting = ''
  for (const button of root.querySelectorAll('[data-do]')) {
    const { do: name } = button.dataset
    if (ICONS[name]) button.prepend(icon(name))
  }
  if (form !== 'bar') selection.remove()
  if (form !== 'bar') status.remove()
  if (form === 'bar' && !player.heard) {
    player.heard = true
    listenToPage(player, marks, event => event.composedPath().some(node => node.classList?.contains('root') && node.querySelector('[data-form]')))
  }
  if (form === 'bar') offerSelection(selection, player, marks)
  if (form === 'card') player.card(true)

  const actions = {
    toggle: () => player.toggle(), previous: () => player.step(-1), next: () => player.step(1),
    back: () => player.skip(-15), forward: () => player.skip(15), offer: () => player.change(),
    follow: () => marks.follow(), close: () => player.close(), open: () => open(),
  }
  root.addEventListener('click', event => {
    const button = event.target.closest('[data-do]')
    if (button) actions[button.dataset.do]()
    const chapter = event.target.closest('[data-chapter]')?.dataset.chapter
    if (chapter) { marks.attend(); player.start(player.page.language, `${chapter}-title`) }
  })
  if (form === 'card') controls()
  if (form === 'bar') {
    const seek = $('.seek')
    seek.addEventListener('input', () => { scrub = Number(seek.value); face.tick() })
    seek.addEventListener('change', () => { player.seek(scrub); scrub = undefined })
  }

  function controls() {
    const wave = $('.wave')
    const at = event => (event.clientX - wave.getBoundingClientRect().left) / wave.clientWidth * player.track.duration
    const drag = event => { scrub = Math.min(Math.max(0, at(event)), player.track.duration); face.tick() }
    const drop = event => { if (scrub !== undefined && event.type === 'pointerup') player.seek(scrub); scrub = undefined; face.tick() }
    wave.addEventListener('pointerdown', event => { wave.setPointerCapture(event.pointerId); drag(event) })
    wave.addEventListener('pointermove', event => { if (wave.hasPointerCapture(event.pointerId)) drag(event) })
    for (const type of ['pointerup', 'pointercancel']) wave.addEventListener(type, drop)
    wave.addEventListener('keydown', event => {
      const by = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 }[event.key]
      const to = { Home: 0, End: player.track?.duration }[event.key] ?? (by && player.time() + by)
      if (to === undefined) return
      event.preventDefault()
      player.seek(to)
    })
    $('#speed').addEventListener('input', event => player.speed(Number(event.target.value)))
    $('#voice').addEventListener('change', event => player.voice(event.target.value))
    $('#sleep').addEventListener('change', event => player.setSleep(event.target.value))
    const size = new ResizeObserver(() => face.tick())
    size.observe(canvas)
    const sight = new IntersectionObserver(([entry]) => player.cardSeen(entry.isIntersecting), { rootMargin: '-56px 0px 0px' })
    sight.observe($('.keys')) // of the card, what must be at hand
    signal.addEventListener('abort', () => { size.disconnect(); sight.disconnect() })
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => face.tick(), { signal })
  document.addEventListener('visibilitychange', () => face.tick(), { signal })

  // ---- what is shown ----
  const number = () => player.book.indexOf(player.track.chapter) + 1
  function show() {
    const { page, track } = player
    if (!page || !track) return
    const { text } = page
    for (const node of root.querySelectorAll('[data-t]')) write(node, text[node.dataset.t])
    for (const node of root.querySelectorAll('[data-label]')) label(node, text[node.dataset.label])
    part.hidden = form === 'bar' && !player.present
    part.dataset.phase = player.phase
    part.classList.toggle('beside', player.besideCard)
    if (form === 'chapters') return chapters(text)
    const play = $('.play'), name = player.busy ? 'pause' : 'play'
    if (play.dataset.icon !== name) { play.dataset.icon = name; play.replaceChildren(icon(name)) }
    label(play, player.resuming ? text.resume : text[name])
    write($('.chapter'), track.chapter.title)
    $('.chapter').lang = player.language
    const offer = $('.offer')
    offer.hidden = !player.offered
    write(offer, text.offer)
    if (form === 'card') card(text)
    else if (player.notice) announce(player.notice)
    face.tick()
  }
  function card(text) {
    const { track } = player, notice = $('.notice'), link = $('.download'), wave = $('.wave')
    write($('.where'), fill(text.chapter_of, { n: number(), total: player.book.length }))
    write($('.title'), title)
    notice.hidden = !player.notice
    write(notice, player.notice)
    $('.follow').hidden = marks.follows || !player.busy
    const speed = $('#speed')
    speed.value = player.kept.speed
    speed.style.setProperty('--f', `${(player.kept.speed - 0.5) / 2 * 100}%`)
    speed.setAttribute('aria-valuetext', `${player.kept.speed.toFixed(1)} ×`)
    write($('output'), `${player.kept.speed.toFixed(1)} ×`)
    const voices = player.voices(), [kind] = track.voice.split(':'), device = voices.find(([key]) => key.startsWith('device'))
    options($('#voice'), voices, track.voice === 'device' ? device?.[0] : track.voice)
    const speaks = player.speaker.split(':')[0], speaker = $('.speaks')
    speaker.hidden = speaks === kind
    write(speaker, fill(text.speaks, { voice: player.page.voices[speaks] ?? '' }))
    options($('#sleep'), [['', text.sleep_off], ...MINUTES.map(n => [String(n), fill(text.sleep_minutes, { n })]), ['chapter', text.sleep_chapter]], player.sleep)
    link.hidden = !track.audio
    if (track.audio) { link.href = address(`audio/${track.audio}.mp3`); link.download = `pradit-${player.language}-${number()}-${track.chapter.id}.mp3` }
    wave.setAttribute('aria-valuemax', Math.round(track.duration))
  }
  function chapters(text) {
    const list = $('ol'), now = JSON.stringify([player.language, player.book.map(chapter => chapter.title)])
    if (list.dataset.list !== now) {
      list.dataset.list = now
      list.replaceChildren(...player.book.map(chapter => {
        const item = document.createElement('li'), button = document.createElement('button'), parts = ['span', 'span'].map(tag => document.createElement(tag))
        button.type = 'button'
        button.dataset.chapter = chapter.id
        parts[0].textContent = chapter.title
        parts[0].lang = player.language
        parts[1].className = 'num'
        button.append(...parts)
        item.append(button)
        return item
      }))
    }
    player.book.forEach((chapter, i) => {
      const button = list.children[i].firstChild, made = player.lengths.get(`${player.language},${chapter.id}`)
      if (chapter === player.track.chapter) button.setAttribute('aria-current', 'true')
      else button.removeAttribute('aria-current')
      const seconds = made ?? chapter.sentences.reduce((sum, [, each]) => sum + each, 0)
      write(button.lastChild, made ? clock(seconds) : fill(text.about, { length: clock(seconds) }))
    })
  }
  function seekTo(time, track, whole) {
    const seek = $('.seek')
    seek.max = track.duration
    seek.value = time
    seek.style.setProperty('--f', `${time / track.duration * 100}%`)
    seek.setAttribute('aria-valuetext', whole)
  }
  // Said when the voice is silent: it is not talked over.
  function announce(text) {
    if (player.busy) waiting = text
    else { write(status, text); waiting = '' }
  }

  const face = {
    show,
    tick(sentence) {
      const { page, track } = player
      if (!page || !track) return
      if (form === 'bar') {
        marks.mark()
        if (waiting && !player.busy) announce(waiting)
      }
      if (document.hidden || part.hidden || form === 'chapters') return
      const time = scrub ?? player.time(), { text } = page
      const whole = fill(text.at, { at: clock(time), length: clock(track.duration) })
      if (form === 'bar') {
        const line = fill(text.line, { n: number(), at: clock(time), length: clock(track.duration) })
        write($('.line'), player.notice || (player.resuming ? `${text.resume} · ${clock(time)}` : line))
        seekTo(time, track, whole)
        drawWave(canvas, track, time, { step: 4 })
        return
      }
      const wave = $('.wave')
      write($('.times .at'), clock(time))
      write($('.times .left'), `−${clock(track.duration - time)}`)
      wave.setAttribute('aria-valuenow', Math.round(time))
      if (wave.getAttribute('aria-valuetext') !== whole) wave.setAttribute('aria-valuetext', whole)
      drawWave(canvas, track, time, { step: 2.85, cursor: true })
      if (sentence) show()
    },
    update(data, opener) {
      open = opener
      title = data.title ?? ''
      if (form === 'bar') player.setPage(data)
      show()
    },
    destroy() {
      over.abort()
      player.faces.delete(face)
      if (form === 'card') player.card(false)
    },
  }
  player.faces.add(face)
  return face
}
