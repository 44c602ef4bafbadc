# problem: flatten
# category: state
# why: a mutable default argument gathers the answers of all calls

def flatten(nested, flat=[]):
    for item in nested:
        if isinstance(item, list):
            flatten(item, flat)
        else:
            flat.append(item)
    return flat
