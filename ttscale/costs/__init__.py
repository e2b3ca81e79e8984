"""What samples cost: tokens, FLOPs, memory traffic, money, seconds and joules; arrays in, arrays out."""
