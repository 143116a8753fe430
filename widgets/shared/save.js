// What a reader takes home of a chart: a file made in the browser.

/** A table as CSV (RFC 4180), with the mark by which spreadsheets know UTF-8. */
export function separated({ head, rows }) {
  const cell = value => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
  return '\ufeff' + [head, ...rows].map(row => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

/** A drawing as a file: what its classes say is written into it, since a file has no style sheet. */
export function drawing(svg) {
  const copy = svg.cloneNode(true), said = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'font-family', 'font-size', 'text-anchor', 'paint-order']
  const originals = [...svg.querySelectorAll('*')]
  copy.setAttribute('xmlns', svg.namespaceURI)
  ;[...copy.querySelectorAll('*')].forEach((each, i) => {
    const style = getComputedStyle(originals[i])
    for (const name of said) each.setAttribute(name, style.getPropertyValue(name))
    if (style.display === 'none') each.setAttribute('display', 'none')
  })
  return copy.outerHTML
}

export function save(content, name, type) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000) // the browser has read it long before
}

/** The same as HTML; its cells are our own words and numbers. */
export function tableOf({ head, rows }) {
  const line = ([first, ...others]) => `<tr><th scope="row">${first}</th>${others.map(cell => `<td>${cell}</td>`).join('')}</tr>`
  return `<thead><tr>${head.map(cell => `<th scope="col">${cell}</th>`).join('')}</tr></thead><tbody>${rows.map(line).join('')}</tbody>`
}
