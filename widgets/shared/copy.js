/** Copy a text. Outside https and localhost browsers offer no clipboard: there a selection, inside `place`, is copied. */
export async function copy(text, place = document.body) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const field = document.createElement('textarea')
  field.value = text
  field.style.cssText = 'position:fixed;opacity:0'
  place.append(field)
  field.select()
  const done = document.execCommand('copy')
  field.remove()
  if (!done) throw new Error(text)
}
