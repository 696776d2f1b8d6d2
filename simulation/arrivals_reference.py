def solve(rings, lengths, begin):
    return begin, begin.astype("int32")
def adjoint(rings, lengths, times, winners, by_times):
    return times, lengths
