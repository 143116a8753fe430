// The table of runs: press a name to see that run, tick it to draw it beside the others, or take it out.

const mounted = new WeakMap()

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, '')
    else if (value !== false && value !== undefined) made.setAttribute(key, value)
  }
  made.append(...children)
  return made
}

function cross() {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 12 12')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(svg.namespaceURI, 'path')
  path.setAttribute('d', 'M1.5 1.5l9 9M10.5 1.5l-9 9')
  path.setAttribute('stroke', 'currentColor')
  path.setAttribute('stroke-width', '1.6')
  path.setAttribute('stroke-linecap', 'round')
  svg.append(path)
  return svg
}

const fill = (pattern, name) => pattern.replace('{name}', name)

function nameCell(row, text, act) {
  const swatch = element('span', { class: 'sw', style: `color:${row.colour}`, 'aria-hidden': 'true' })
  const name = row.id
    ? element('button', { class: 'name', type: 'button', 'data-act': `show:${row.id}`, 'aria-pressed': String(row.now) }, row.name)
    : element('span', { class: 'name' }, row.name)
  if (row.id) name.onclick = () => act('show', row.id)
  const cell = element('th', { class: 'first', scope: 'row' }, swatch, name)
  if (row.settings) cell.append(element('span', { class: 'sub' }, row.settings))
  return cell
}

function tickCell(row, text, act) {
  const cell = element('td', { class: 'tick' })
  if (row.id) {
    const box = element('input', {
      type: 'checkbox', 'data-act': `chart:${row.id}`, 'aria-label': fill(text.on_chart_name, row.name), disabled: !row.comparable || row.now,
    })
    box.checked = row.charted
    box.onchange = () => act('chart', row.id)
    cell.append(box)
  }
  return cell
}

function removeCell(row, text, act) {
  const cell = element('td')
  if (row.id) {
    const label = fill(text.remove_name, row.name)
    const button = element('button', { class: 'gone', type: 'button', 'data-act': `remove:${row.id}`, 'aria-label': label, title: label }, cross())
    button.onclick = () => act('remove', row.id)
    cell.append(button)
  }
  return cell
}

// A row that says what it said stays the same node, so that a press on it is not lost when another row changes.
function render(root, data, act, before) {
  const { columns, rows, text } = data, kept = new Map()
  const head = [element('th', { class: 'first', scope: 'col' }, text.name)]
  for (const column of columns) {
    const label = column.symbol ? element('i', { 'aria-label': column.label }, column.symbol) : column.label
    head.push(element('th', { scope: 'col', class: column.kind }, label))
  }
  head.push(element('th', { scope: 'col' }, text.on_chart))
  head.push(element('th', { scope: 'col' }, element('span', { class: 'vh' }, text.remove)))
  root.querySelector('thead tr').replaceChildren(...head)
  const body = rows.map(row => {
    const key = JSON.stringify([row, columns, text])
    const tr = before.get(key) ?? element(
      'tr', { class: row.now ? 'now' : false },
      nameCell(row, text, act),
      ...row.cells.map((cell, i) => element('td', { class: columns[i].kind }, cell)),
      tickCell(row, text, act),
      removeCell(row, text, act),
    )
    kept.set(key, tr)
    return tr
  })
  const place = root.querySelector('tbody')
  for (const tr of [...place.children]) if (!body.includes(tr)) tr.remove()
  body.forEach((tr, i) => { if (place.children[i] !== tr) place.insertBefore(tr, place.children[i] ?? null) })
  root.querySelector('table').setAttribute('aria-label', text.table)
  return kept
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement
  const json = JSON.stringify(data), was = mounted.get(root)
  if (was?.json !== json) {
    const focused = (root.activeElement ?? document.activeElement)?.dataset?.act // kept through a repaint
    const rows = render(root, data, (kind, id) => setTriggerValue('act', { kind, id }), was?.rows ?? new Map())
    mounted.set(root, { json, rows })
    if (focused) {
      const again = root.querySelector(`[data-act="${CSS.escape(focused)}"]`)
      ;(again ?? root.querySelector('.name[data-act]'))?.focus({ preventScroll: true })
    }
  }
  return () => mounted.delete(root)
}
